# What is counted: the lines that the functions write, one a request and one a delivery, and what the platform refuses.

locals {
  receiver_log  = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"webhooks-receiver\""
  processor_log = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"webhooks-processor\""

  counts = {
    received = {
      text   = "Requests of senders, by what became of them"
      filter = "${local.receiver_log} AND jsonPayload.outcome:*"
      labels = { for label in ["outcome", "reason", "source", "status"] : label => "EXTRACT(jsonPayload.${label})" }
    }
    processed = {
      text   = "Deliveries of events, by what became of them"
      filter = "${local.processor_log} AND jsonPayload.outcome:*"
      labels = { for label in ["outcome", "reason", "source"] : label => "EXTRACT(jsonPayload.${label})" }
    }
    # What the platform answers itself never reaches the receiver, nor the metrics of its requests. We never answer 500,
    # 502 or 504; a 429 or 503 that is not ours comes with a text.
    refused-by-platform = {
      text   = "Requests that the platform answered itself, with 429 or 5xx"
      filter = <<-EOT
        ${local.receiver_log} AND log_id("run.googleapis.com/requests")
        AND (httpRequest.status=(500 OR 502 OR 504) OR (httpRequest.status=(429 OR 503) AND textPayload:*))
      EOT
      labels = { status = "EXTRACT(httpRequest.status)" }
    }
  }

  times = {
    processing = { field = "ms", text = "How long a delivery took the processor and its handlers" }
    latency    = { field = "latency_ms", text = "How old an event was when it was done" }
  }
}

resource "google_logging_metric" "count" {
  for_each = local.counts

  name             = "webhooks-${each.key}"
  description      = each.value.text
  filter           = trimspace(each.value.filter)
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key = labels.key
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_metric" "time" {
  for_each = local.times

  name             = "webhooks-${each.key}"
  description      = each.value.text
  filter           = "${local.processor_log} AND jsonPayload.outcome=\"processed\""
  value_extractor  = "EXTRACT(jsonPayload.${each.value.field})"
  label_extractors = { source = "EXTRACT(jsonPayload.source)" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "ms"

    labels {
      key = "source"
    }
  }

  # From 1 ms to 37 days (an event may be 31 days old), a bucket ending at 1.5 times where the last one ends.
  bucket_options {
    exponential_buckets {
      growth_factor      = 1.5
      num_finite_buckets = 54
      scale              = 1
    }
  }

  depends_on = [google_project_service.this]
}
