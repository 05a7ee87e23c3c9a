# One page that shows it all.

locals {
  latency    = "metric.type=\"logging.googleapis.com/user/webhooks-latency\" AND resource.type=\"cloud_run_revision\""
  processing = "metric.type=\"logging.googleapis.com/user/webhooks-processing\" AND resource.type=\"cloud_run_revision\""
  run        = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=starts_with(\"webhooks-\") AND metric.type=\"run.googleapis.com"

  charts = [
    { title = "Received, by source", filter = local.received, aligner = "ALIGN_RATE", by = ["metric.labels.source"] },
    { title = "Received, by outcome", filter = local.received, aligner = "ALIGN_RATE", by = ["metric.labels.outcome"] },
    { title = "Refused or failed, by reason", filter = "${local.received} AND metric.labels.reason!=\"\"", aligner = "ALIGN_RATE", by = ["metric.labels.source", "metric.labels.reason"] },
    { title = "Refused by the platform", filter = local.refused, aligner = "ALIGN_RATE", by = ["metric.labels.status"] },
    { title = "Deliveries, by outcome", filter = local.processed, aligner = "ALIGN_RATE", by = ["metric.labels.source", "metric.labels.outcome"] },
    { title = "Waiting events", filter = "${local.queue}/num_undelivered_messages\" AND resource.labels.subscription_id=${local.delivering}", aligner = "ALIGN_MAX", by = [] },
    { title = "Oldest waiting event (s)", filter = "${local.queue}/oldest_unacked_message_age\" AND resource.labels.subscription_id=${local.delivering}", aligner = "ALIGN_MAX", by = [] },
    { title = "Dead letters", filter = "${local.queue}/num_undelivered_messages\" AND resource.labels.subscription_id=\"webhooks-dead\"", aligner = "ALIGN_MAX", by = [] },
    { title = "From received to done, median (ms)", filter = local.latency, aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_50", by = ["metric.labels.source"] },
    { title = "From received to done, 99 of 100 (ms)", filter = local.latency, aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_99", by = ["metric.labels.source"] },
    { title = "A delivery in the processor, 99 of 100 (ms)", filter = local.processing, aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_99", by = ["metric.labels.source"] },
    { title = "A request in the receiver, 99 of 100 (ms)", filter = "${local.run}/request_latencies\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_99", by = ["resource.labels.service_name"] },
    { title = "Instances", filter = "${local.run}/container/instance_count\"", aligner = "ALIGN_MAX", by = ["resource.labels.service_name"] },
    { title = "Memory, of 1", filter = "${local.run}/container/memory/utilizations\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_99", by = ["resource.labels.service_name"] },
  ]
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "Webhooks"
    mosaicLayout = {
      columns = 48
      tiles = [
        for place, chart in local.charts : merge(
          { for side, at in { xPos = place % 2 * 24, yPos = floor(place / 2) * 16 } : side => at if at > 0 }, # as the API has it
          { width = 24, height = 16, widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = merge(
                      { alignmentPeriod = "60s", perSeriesAligner = chart.aligner, crossSeriesReducer = try(chart.reducer, "REDUCE_SUM") },
                      length(chart.by) > 0 ? { groupByFields = chart.by } : {},
                    )
                  }
                }
              }]
            }
          } }
        )
      ]
    }
  })

  depends_on = [google_logging_metric.count, google_logging_metric.time]
}
