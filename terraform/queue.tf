# The queue between the two functions, and the dead letters: everything that is kept, and for how long.

locals {
  attempts     = 100        # the most that Pub/Sub knows: about 16 hours at the backoff below
  ack_deadline = 600        # seconds; the most that Pub/Sub knows, and longer than a lease
  kept         = "2678400s" # 31 days; the most that Pub/Sub knows
}

resource "google_pubsub_topic" "events" {
  # checkov:skip=CKV_GCP_83: encrypted with Google's keys; set kms_key_name for your own
  name                       = "webhooks"
  message_retention_duration = "604800s" # 7 days, acknowledged or not: what `seek` can bring back

  message_storage_policy {
    allowed_persistence_regions = [var.region] # where bodies are at rest
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "dead" {
  # checkov:skip=CKV_GCP_83: encrypted with Google's keys; set kms_key_name for your own
  name = "webhooks-dead"

  message_storage_policy {
    allowed_persistence_regions = [var.region] # where bodies are at rest
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "processor" {
  count = var.delivery == "push" ? 1 : 0

  name                       = "webhooks-processor"
  topic                      = google_pubsub_topic.events.id
  ack_deadline_seconds       = local.ack_deadline
  message_retention_duration = local.kept

  expiration_policy {
    ttl = "" # never
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # The safety net: the processor parks what fails by itself, with the reason, at the last attempt.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = local.attempts
  }

  push_config {
    push_endpoint = google_cloudfunctions2_function.processor.service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.processor.service_config[0].uri
    }
  }

  lifecycle {
    precondition {
      condition     = local.ack_deadline >= var.processor.timeout + 60
      error_message = "The ack deadline must be longer than a handler's lease, or an event is given to two at once."
    }
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.push_to_processor,
    google_pubsub_topic_iam_member.agent_to_dead,
    google_service_account_iam_member.agent_as_push,
  ]
}

# Nobody pulls from it until somebody replays: with an end, it would be gone by then, and what comes after lost.
resource "google_pubsub_subscription" "dead" {
  name                       = "webhooks-dead"
  topic                      = google_pubsub_topic.dead.id
  ack_deadline_seconds       = 600 # what a replay may take for what it has pulled
  message_retention_duration = local.kept

  expiration_policy {
    ttl = ""
  }
}

resource "google_service_account" "push" {
  account_id   = "webhooks-push"
  display_name = "Pub/Sub calls the processor as this"

  depends_on = [google_project_service.this]
}

# Pub/Sub makes tokens of the push account. Agents made since April 2021 may do it by their own role; older ones not.
resource "google_service_account_iam_member" "agent_as_push" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent

  depends_on = [google_pubsub_topic.events] # the agent is there when the first topic is
}

# Pub/Sub itself forwards what has failed too often...
resource "google_pubsub_topic_iam_member" "agent_to_dead" {
  topic  = google_pubsub_topic.dead.id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

# ...and acknowledges it where it came from: without this one, nothing is ever forwarded.
resource "google_pubsub_subscription_iam_member" "agent_from_processor" {
  count = var.delivery == "push" ? 1 : 0

  subscription = google_pubsub_subscription.processor[0].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.processor[0].id] # a new subscription knows no roles
  }
}

# Dead letters for longer than Pub/Sub keeps them: copies, in Avro, with all their attributes.

resource "google_storage_bucket" "dead" {
  # checkov:skip=CKV_GCP_62: who reads it is in the audit log
  # checkov:skip=CKV_GCP_78: Pub/Sub writes an object once, and nobody else writes
  count = var.dead_letter_bucket_days == null ? 0 : 1

  name                        = "${var.project}-webhooks-dead"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.dead_letter_bucket_days
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "dead_to_bucket" {
  count = var.dead_letter_bucket_days == null ? 0 : 1

  name                       = "webhooks-dead-bucket"
  topic                      = google_pubsub_topic.dead.id
  ack_deadline_seconds       = 600
  message_retention_duration = local.kept

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  cloud_storage_config {
    bucket          = google_storage_bucket.dead[0].name
    filename_suffix = ".avro"

    avro_config {
      write_metadata = true
    }
  }

  depends_on = [google_storage_bucket_iam_member.agent_to_bucket]
}

# Pub/Sub writes objects into this one bucket, and looks it up before it does.
resource "google_storage_bucket_iam_member" "agent_to_bucket" {
  for_each = var.dead_letter_bucket_days == null ? [] : toset(["objectCreator", "legacyBucketReader"])

  bucket = google_storage_bucket.dead[0].name
  role   = "roles/storage.${each.key}"
  member = local.pubsub_agent

  depends_on = [google_pubsub_topic.events] # the agent is there when the first topic is
}
