# The archive: each event in BigQuery, as it was sent.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "no_archive" {
  command = plan

  assert {
    condition = (
      length(google_bigquery_dataset.archive) == 0 &&
      length(google_bigquery_table.archive) == 0 &&
      length(google_bigquery_table_iam_member.agent_to_archive) == 0 &&
      length(google_pubsub_subscription.archive) == 0 &&
      length(google_pubsub_subscription.archive_dead) == 0 &&
      length(google_pubsub_topic.archive_dead) == 0 &&
      !contains(keys(google_project_service.this), "bigquery")
    )
    error_message = "There is no archive that nobody asked for."
  }
}

run "archive" {
  command = plan

  variables {
    archive      = true
    archive_days = 30
  }

  assert {
    condition = { for column in jsondecode(google_bigquery_table.archive[0].schema) : column.name => column.type } == {
      attributes        = "JSON"
      data              = "BYTES"
      message_id        = "STRING"
      publish_time      = "TIMESTAMP"
      subscription_name = "STRING"
    }
    error_message = "The table has the columns that Pub/Sub writes, and the body in bytes."
  }

  assert {
    condition = (
      google_bigquery_table.archive[0].time_partitioning[0].type == "DAY" &&
      google_bigquery_table.archive[0].time_partitioning[0].field == "publish_time" &&
      google_bigquery_table.archive[0].time_partitioning[0].expiration_ms == 2592000000
    )
    error_message = "A day of events is forgotten after as many days as was asked."
  }

  assert {
    condition     = google_bigquery_table.archive[0].deletion_protection
    error_message = "The archive is not deleted by the way."
  }

  assert {
    condition = (
      google_pubsub_subscription.archive[0].topic == google_pubsub_topic.events.id &&
      google_pubsub_subscription.archive[0].bigquery_config[0].table == "a-project.webhooks.events" &&
      google_pubsub_subscription.archive[0].bigquery_config[0].write_metadata &&
      google_pubsub_subscription.archive[0].filter == null
    )
    error_message = "Every event is written into the table, with its attributes."
  }

  assert {
    condition = (
      google_pubsub_subscription.archive[0].message_retention_duration == "2678400s" &&
      google_pubsub_subscription.archive[0].expiration_policy[0].ttl == "" &&
      google_pubsub_subscription.archive[0].retry_policy[0].minimum_backoff == "10s" &&
      google_pubsub_subscription.archive[0].retry_policy[0].maximum_backoff == "600s"
    )
    error_message = "What BigQuery does not take waits, for 31 days at most."
  }

  assert {
    condition = (
      google_pubsub_subscription.archive[0].dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.archive_dead[0].id &&
      google_pubsub_subscription.archive[0].dead_letter_policy[0].max_delivery_attempts == 100 &&
      google_pubsub_subscription.archive_dead[0].topic == google_pubsub_topic.archive_dead[0].id &&
      google_pubsub_subscription.archive_dead[0].message_retention_duration == "2678400s" &&
      google_pubsub_subscription.archive_dead[0].expiration_policy[0].ttl == ""
    )
    error_message = "The archive has dead letters of its own: `make replay` must not give them to handlers."
  }

  assert {
    condition = (
      google_bigquery_dataset.archive[0].location == "europe-west1" &&
      google_pubsub_topic.archive_dead[0].message_storage_policy[0].allowed_persistence_regions == toset(["europe-west1"])
    )
    error_message = "The archive is in the region too."
  }

  assert {
    condition = (
      google_bigquery_table_iam_member.agent_to_archive[0].dataset_id == "webhooks" &&
      google_bigquery_table_iam_member.agent_to_archive[0].table_id == "events" &&
      google_bigquery_table_iam_member.agent_to_archive[0].role == "roles/bigquery.dataEditor" &&
      google_bigquery_table_iam_member.agent_to_archive[0].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Pub/Sub writes into this one table."
  }

  assert {
    condition = (
      google_pubsub_topic_iam_member.agent_to_archive_dead[0].topic == google_pubsub_topic.archive_dead[0].id &&
      google_pubsub_topic_iam_member.agent_to_archive_dead[0].role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.agent_to_archive_dead[0].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com" &&
      google_pubsub_subscription_iam_member.agent_from_archive[0].subscription == google_pubsub_subscription.archive[0].id &&
      google_pubsub_subscription_iam_member.agent_from_archive[0].role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.agent_from_archive[0].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Pub/Sub forwards what BigQuery does not take, and acknowledges it."
  }

  assert {
    condition     = length(google_pubsub_subscription.processor) == 1
    error_message = "Events are processed as without it."
  }
}
