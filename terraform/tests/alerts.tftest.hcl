# Who is told of what, and where to look.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "alerts" {
  command = plan

  variables {
    alerts = { channels = ["projects/a-project/notificationChannels/1"], emails = ["ops@example.com"] }
  }

  assert {
    condition     = google_monitoring_notification_channel.email["ops@example.com"].labels == tomap({ email_address = "ops@example.com" })
    error_message = "A mail address is a channel."
  }

  assert {
    condition = alltrue([
      for policy in concat(values(google_monitoring_alert_policy.this), values(google_monitoring_alert_policy.silent)) :
      length(policy.notification_channels) == 2 && policy.notification_channels[0] == "projects/a-project/notificationChannels/1"
    ])
    error_message = "Every alert is told to everybody."
  }

  assert {
    condition = toset(keys(google_monitoring_alert_policy.this)) == toset([
      "body-too-large", "dead-letters", "dead-letters-grow-old", "events-wait", "platform-refuses", "proofs-refused", "receiver-fails"
    ])
    error_message = "There is an alert for everything that loses events, or will."
  }

  assert {
    condition = (
      google_monitoring_alert_policy.this["events-wait"].conditions[0].condition_threshold[0].threshold_value == 900 &&
      strcontains(google_monitoring_alert_policy.this["events-wait"].conditions[0].condition_threshold[0].filter, "oldest_unacked_message_age") &&
      strcontains(google_monitoring_alert_policy.this["events-wait"].conditions[0].condition_threshold[0].filter, "resource.labels.subscription_id=\"webhooks-processor\"")
    )
    error_message = "That an event has waited for 15 minutes is told."
  }

  assert {
    condition = (
      google_monitoring_alert_policy.this["dead-letters-grow-old"].conditions[0].condition_threshold[0].threshold_value == 604800 &&
      strcontains(google_monitoring_alert_policy.this["dead-letters-grow-old"].conditions[0].condition_threshold[0].filter, "resource.labels.subscription_id=\"webhooks-dead\"")
    )
    error_message = "That a dead letter is 7 days old is told, when 24 are left."
  }

  assert {
    condition = (
      anytrue([for condition in google_monitoring_alert_policy.this["dead-letters"].conditions : strcontains(condition.condition_threshold[0].filter, "metric.labels.outcome=\"dead-lettered\"")]) &&
      anytrue([for condition in google_monitoring_alert_policy.this["dead-letters"].conditions : strcontains(condition.condition_threshold[0].filter, "dead_letter_message_count")]) &&
      alltrue([for condition in google_monitoring_alert_policy.this["dead-letters"].conditions : condition.condition_threshold[0].threshold_value == 0])
    )
    error_message = "Each dead letter is told, whoever parked it."
  }

  assert {
    condition = (
      google_logging_metric.count["received"].label_extractors["outcome"] == "EXTRACT(jsonPayload.outcome)" &&
      google_logging_metric.count["received"].label_extractors["source"] == "EXTRACT(jsonPayload.source)" &&
      google_logging_metric.count["received"].label_extractors["status"] == "EXTRACT(jsonPayload.status)" &&
      google_logging_metric.count["processed"].label_extractors["outcome"] == "EXTRACT(jsonPayload.outcome)"
    )
    error_message = "What is counted has the labels that the alerts go by."
  }

  assert {
    condition = alltrue([for metric in concat(values(google_logging_metric.count), values(google_logging_metric.time)) : (
      startswith(metric.name, "webhooks-") && toset(keys(metric.label_extractors)) == toset(metric.metric_descriptor[0].labels[*].key)
    )])
    error_message = "Each label of a metric is declared."
  }

  assert {
    condition = (
      length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) > 0 &&
      !can(regex(":(0|\"\"|\\[\\])[,}]", google_monitoring_dashboard.this.dashboard_json))
    )
    error_message = "There is a page that shows it all, without zeros and empty lists: the API leaves them out, and each plan would differ."
  }
}

run "a_source_that_is_silent" {
  command = plan

  assert {
    condition = toset(keys(google_monitoring_alert_policy.silent)) == toset([
      for name, entry in yamldecode(file("../functions/receiver/sources.yaml")) : name if can(entry.expect_every)
    ])
    error_message = "A source that says `expect_every` is missed when it is silent."
  }
}

run "alerts_of_a_trigger" {
  command = plan

  variables {
    delivery = "eventarc"
  }

  assert {
    condition = strcontains(
      google_monitoring_alert_policy.this["events-wait"].conditions[0].condition_threshold[0].filter,
      "resource.labels.subscription_id=starts_with(\"eventarc-europe-west1-webhooks-processor-\")"
    )
    error_message = "What waits is looked for in the subscription of the trigger."
  }
}
