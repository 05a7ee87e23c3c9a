# The archive: every event in BigQuery, byte for byte, written by Pub/Sub itself.

resource "google_bigquery_dataset" "archive" {
  # checkov:skip=CKV_GCP_81: encrypted with Google's keys; set default_encryption_configuration for your own
  count = var.archive ? 1 : 0

  dataset_id  = "webhooks"
  location    = var.region
  description = "Webhooks as they were received"

  depends_on = [google_project_service.this]
}

resource "google_bigquery_table" "archive" {
  # checkov:skip=CKV_GCP_80: encrypted with Google's keys; set encryption_configuration for your own
  count = var.archive ? 1 : 0

  dataset_id          = google_bigquery_dataset.archive[0].dataset_id
  table_id            = "events"
  clustering          = ["message_id"]
  deletion_protection = true

  time_partitioning {
    type          = "DAY"
    field         = "publish_time"
    expiration_ms = var.archive_days * 24 * 60 * 60 * 1000
  }

  # The columns that Pub/Sub writes with write_metadata:
  # https://docs.cloud.google.com/pubsub/docs/bigquery#write_metadata
  schema = jsonencode([
    { name = "subscription_name", type = "STRING" },
    { name = "message_id", type = "STRING" },
    { name = "publish_time", type = "TIMESTAMP" },
    { name = "data", type = "BYTES", description = "The body, as the sender sent it" },
    { name = "attributes", type = "JSON", description = "ce-source, ce-type, ce-id and the other attributes" },
  ])
}

resource "google_pubsub_subscription" "archive" {
  count = var.archive ? 1 : 0

  name                       = "webhooks-archive"
  topic                      = google_pubsub_topic.events.id
  ack_deadline_seconds       = 60
  message_retention_duration = local.kept

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  bigquery_config {
    table          = "${var.project}.${google_bigquery_table.archive[0].dataset_id}.${google_bigquery_table.archive[0].table_id}"
    write_metadata = true
  }

  # Its own dead letters: what BigQuery does not take has nothing to do with what a handler can't do.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.archive_dead[0].id
    max_delivery_attempts = local.attempts
  }

  depends_on = [
    google_bigquery_table_iam_member.agent_to_archive,
    google_pubsub_topic_iam_member.agent_to_archive_dead,
  ]
}

resource "google_pubsub_topic" "archive_dead" {
  # checkov:skip=CKV_GCP_83: encrypted with Google's keys; set kms_key_name for your own
  count = var.archive ? 1 : 0

  name = "webhooks-archive-dead"

  message_storage_policy {
    allowed_persistence_regions = [var.region] # where bodies are at rest
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "archive_dead" {
  count = var.archive ? 1 : 0

  name                       = "webhooks-archive-dead"
  topic                      = google_pubsub_topic.archive_dead[0].id
  ack_deadline_seconds       = 600
  message_retention_duration = local.kept

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub writes rows, into this one table.
resource "google_bigquery_table_iam_member" "agent_to_archive" {
  count = var.archive ? 1 : 0

  dataset_id = google_bigquery_table.archive[0].dataset_id
  table_id   = google_bigquery_table.archive[0].table_id
  role       = "roles/bigquery.dataEditor"
  member     = local.pubsub_agent

  depends_on = [google_pubsub_topic.events] # the agent is there when the first topic is
}

# Pub/Sub forwards what BigQuery does not take...
resource "google_pubsub_topic_iam_member" "agent_to_archive_dead" {
  count = var.archive ? 1 : 0

  topic  = google_pubsub_topic.archive_dead[0].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

# ...and acknowledges it where it came from.
resource "google_pubsub_subscription_iam_member" "agent_from_archive" {
  count = var.archive ? 1 : 0

  subscription = google_pubsub_subscription.archive[0].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.archive[0].id]
  }
}
