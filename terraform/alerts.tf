# When to tell somebody, and of what. What to do then is in docs/operating.md, under the same names.

locals {
  # The subscription of a trigger has a name of its own making, which begins like this.
  delivering = var.delivery == "push" ? "\"webhooks-processor\"" : "starts_with(\"eventarc-${var.region}-webhooks-processor-\")"
  received   = "metric.type=\"logging.googleapis.com/user/webhooks-received\" AND resource.type=\"cloud_run_revision\""
  processed  = "metric.type=\"logging.googleapis.com/user/webhooks-processed\" AND resource.type=\"cloud_run_revision\""
  refused    = "metric.type=\"logging.googleapis.com/user/webhooks-refused-by-platform\" AND resource.type=\"cloud_run_revision\""
  queue      = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription"

  # `above` is what it takes in 5 minutes (of a count) or at any time (of an age, in seconds), for `lasting` seconds.
  alerts = {
    dead-letters = {
      severity = "ERROR"
      text     = "An event could not be done and is kept as a dead letter: look with `make dead-letters`."
      conditions = {
        "the processor parked an event" = { filter = "${local.processed} AND metric.labels.outcome=\"dead-lettered\"", above = 0 }
        "Pub/Sub gave an event up"      = { filter = "${local.queue}/dead_letter_message_count\" AND resource.labels.subscription_id=${local.delivering}", above = 0 }
      }
    }
    events-wait = {
      severity = "ERROR"
      text     = "An event has waited for 15 minutes: the processor fails, or does not keep up."
      conditions = {
        "the oldest event is too old" = { filter = "${local.queue}/oldest_unacked_message_age\" AND resource.labels.subscription_id=${local.delivering}", above = 900, lasting = 300, age = true }
      }
    }
    receiver-fails = {
      severity = "CRITICAL"
      text     = "The receiver answers 503: its queue, its secrets or its configuration are at fault. Senders try again."
      conditions = {
        "more than 5 in 5 minutes" = { filter = "${local.received} AND metric.labels.outcome=\"failed\"", above = 5, by = "source" }
      }
    }
    platform-refuses = {
      severity = "CRITICAL"
      text     = "The platform answered 429 or 5xx itself: no instance was free, or one broke down."
      conditions = {
        "any in 5 minutes" = { filter = local.refused, above = 0, by = "status" }
      }
    }
    body-too-large = {
      severity = "ERROR"
      text     = "A sender's event is over its limit and was refused with 413. Some senders never try again."
      conditions = {
        "any in 5 minutes" = { filter = "${local.received} AND metric.labels.status=\"413\"", above = 0, by = "source" }
      }
    }
    dead-letters-grow-old = {
      severity = "ERROR"
      text     = "A dead letter is 7 days old. At 31 days it is gone: replay it, or let it go on purpose."
      conditions = {
        "the oldest is 7 days old" = { filter = "${local.queue}/oldest_unacked_message_age\" AND resource.labels.subscription_id=\"webhooks-dead\"", above = 7 * 24 * 3600, age = true }
      }
    }
    proofs-refused = {
      severity = "WARNING"
      text     = "Many requests do not prove who sent them: a secret was changed on one side, or somebody is trying."
      conditions = {
        "more than 20 in 5 minutes" = { filter = "${local.received} AND metric.labels.status=\"401\"", above = 20, by = "source" }
      }
    }
  }

  # What a source has sent, and was taken.
  arrived = {
    for name in keys(local.expected) : name =>
    "${local.received} AND metric.labels.source=\"${name}\" AND metric.labels.outcome=one_of(\"accepted\", \"dropped\")"
  }

  channels = concat(var.alerts.channels, [for channel in google_monitoring_notification_channel.email : channel.id])
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alerts.emails)

  display_name = "Webhooks: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  display_name          = "Webhooks: ${each.key}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = local.channels

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.key

      condition_threshold {
        filter          = conditions.value.filter
        comparison      = "COMPARISON_GT"
        threshold_value = conditions.value.above
        duration        = "${try(conditions.value.lasting, 0)}s"

        aggregations {
          alignment_period     = "300s"
          per_series_aligner   = try(conditions.value.age, false) ? "ALIGN_MAX" : "ALIGN_DELTA"
          cross_series_reducer = try(conditions.value.age, false) ? "REDUCE_MAX" : "REDUCE_SUM"
          group_by_fields      = can(conditions.value.by) ? ["metric.labels.${conditions.value.by}"] : []
        }
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.text}\n\nWhat to do: docs/operating.md, ${each.key}."
  }

  alert_strategy {
    auto_close = "86400s"
  }

  # A policy can't be made before its metric is known, which takes a while after it was made: the functions take longer.
  depends_on = [google_cloudfunctions2_function.receiver, google_logging_metric.count]
}

# Sources that say `expect_every` in sources.yaml, and have sent something before.
resource "google_monitoring_alert_policy" "silent" {
  for_each = local.expected

  display_name          = "Webhooks: ${each.key} is silent"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.channels

  # A count without events is nothing at all, or zero if it has not been nothing for long.
  conditions {
    display_name = "nothing came in ${local.sources[each.key].expect_every}"

    condition_absent {
      filter   = local.arrived[each.key]
      duration = "${each.value}s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  conditions {
    display_name = "zero came in ${local.sources[each.key].expect_every}"

    condition_threshold {
      filter          = local.arrived[each.key]
      comparison      = "COMPARISON_LT"
      threshold_value = 1
      duration        = "0s"

      aggregations {
        alignment_period     = "${each.value}s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.key} should send every ${local.sources[each.key].expect_every}, and does not.\n\nWhat to do: docs/operating.md, silent."
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_cloudfunctions2_function.receiver, google_logging_metric.count]
}
