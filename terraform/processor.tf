# The processor: private, called by Pub/Sub alone. It is there before the receiver, so that it knows every message.

resource "google_cloudfunctions2_function" "processor" {
  name        = "webhooks-processor"
  location    = var.region
  description = "Takes one event off the queue and gives it to its handlers"

  build_config {
    runtime           = var.processor.runtime
    entry_point       = "process"
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source["processor"].name
      }
    }
  }

  service_config {
    available_cpu                    = tostring(var.processor.cpu)
    available_memory                 = "${var.processor.memory}Mi"
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # from Pub/Sub and Eventarc of this project, at its run.app URL
    max_instance_count               = var.processor.max_instances
    max_instance_request_concurrency = var.processor.concurrency
    min_instance_count               = var.processor.min_instances
    service_account_email            = google_service_account.processor.email
    timeout_seconds                  = var.processor.timeout

    environment_variables = merge(var.processor.environment, {
      DEAD_LETTER_TOPIC  = google_pubsub_topic.dead.id
      FIRESTORE_DATABASE = local.database
      HANDLER_TIMEOUT    = tostring(var.processor.timeout)
      LEDGER             = "firestore"
      PROJECT            = var.project
      THREADS            = tostring(var.processor.concurrency)
      },
      # A trigger counts no attempts, and drops what is 24 hours old: then the age decides, 4 hours before that.
      var.delivery == "push" ? { MAX_ATTEMPTS = tostring(local.attempts) } : { MAX_AGE = "72000" },
    )

    dynamic "secret_environment_variables" {
      for_each = var.processor.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  dynamic "event_trigger" {
    for_each = var.delivery == "eventarc" ? [1] : []
    content {
      event_type            = "google.cloud.pubsub.topic.v1.messagePublished"
      pubsub_topic          = google_pubsub_topic.events.id
      retry_policy          = "RETRY_POLICY_RETRY" # left out, a failure is not retried
      service_account_email = google_service_account.push.email
      trigger_region        = var.region
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_images,
    google_firestore_field.ledger,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_staged,
    google_project_iam_member.processor_ledger,
    google_project_service.this,
    google_pubsub_subscription.dead, # what a topic without a subscription is given is lost
    google_pubsub_subscription.dead_to_bucket,
    google_pubsub_topic_iam_member.processor_to_dead,
    google_secret_manager_secret_iam_member.processor,
    google_storage_bucket_iam_member.build_source,
  ]
}

resource "google_service_account" "processor" {
  account_id   = "webhooks-processor"
  display_name = "The webhook processor runs as this"

  depends_on = [google_project_service.this]
}

# The processor parks what can't be done, in this one topic.
resource "google_pubsub_topic_iam_member" "processor_to_dead" {
  topic  = google_pubsub_topic.dead.id
  role   = "roles/pubsub.publisher"
  member = google_service_account.processor.member
}

# The processor keeps its ledger. A database has no roles of its own, so the project's is bound to this one database.
resource "google_project_iam_member" "processor_ledger" {
  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.processor.member

  condition {
    title      = "webhooks-ledger"
    expression = "resource.name == \"projects/${var.project}/databases/${local.database}\""
  }
}

# The processor reads the secrets that handlers ask for, each by its name.
resource "google_secret_manager_secret_iam_member" "processor" {
  for_each = toset(values(var.processor.secrets))

  secret_id = "projects/${var.project}/secrets/${each.key}"
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.processor.member
}

# Pub/Sub, or the trigger, calls the processor; nobody else may.
resource "google_cloud_run_v2_service_iam_member" "push_to_processor" {
  name     = google_cloudfunctions2_function.processor.name # the service that the function runs as has its name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.push.member

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.processor.id] # a new service knows no roles
  }
}
