# The receiver: public, since its senders are. Who they are is proved by the request, not by IAM.

resource "google_cloudfunctions2_function" "receiver" {
  # checkov:skip=CKV_GCP_124: senders come from everywhere; with a balancer they come through it
  name        = "webhooks-receiver"
  location    = var.region
  description = "Receives webhooks: 200 means that Pub/Sub has the event"

  build_config {
    runtime           = var.receiver.runtime
    entry_point       = "receive"
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source["receiver"].name
      }
    }
  }

  service_config {
    available_cpu                    = tostring(var.receiver.cpu)
    available_memory                 = "${var.receiver.memory}Mi"
    ingress_settings                 = try(var.balancer.direct, true) ? "ALLOW_ALL" : "ALLOW_INTERNAL_AND_GCLB"
    max_instance_count               = var.receiver.max_instances
    max_instance_request_concurrency = var.receiver.concurrency
    min_instance_count               = var.receiver.min_instances
    service_account_email            = google_service_account.receiver.email
    timeout_seconds                  = 60 # of the platform; a source's own deadline is a few seconds

    environment_variables = merge(var.receiver.environment, {
      KEYS             = "secret-manager"
      MALLOC_ARENA_MAX = "2" # or each thread keeps what large bodies took: a quarter of the memory, as measured
      PROJECT          = var.project
      THREADS          = tostring(var.receiver.concurrency)
      TOPIC            = google_pubsub_topic.events.id
      },
      # An event of a trigger has 512 KB at most, as base64 and with its attributes.
      var.delivery == "push" ? {} : { MAX_BODY = "350000" },
    )
  }

  lifecycle {
    precondition {
      condition     = length(local.unknown) == 0
      error_message = "${local.sources_file}: no provider that docs/providers.md knows: ${join(", ", local.unknown)}."
    }
    precondition {
      condition     = length(local.misnamed) == 0
      error_message = "${local.sources_file}: lower-case letters, digits and single '-', 40 at most, and no word that YAML takes for true or false: ${join(", ", local.misnamed)}."
    }
    precondition {
      condition     = length(local.mistimed) == 0
      error_message = "${local.sources_file}: expect_every is whole minutes or hours, 5m to 23h: ${join(", ", local.mistimed)}."
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_images,
    google_cloudfunctions2_function.processor, # it reads every message ever written, so it is always the newer one
    google_project_iam_member.build_logs,
    google_project_iam_member.build_staged,
    google_project_service.this,
    google_pubsub_subscription.archive,
    google_pubsub_subscription.processor, # what a topic without a subscription is given is lost
    google_pubsub_topic_iam_member.receiver_to_events,
    google_secret_manager_secret_iam_member.receiver,
    google_storage_bucket_iam_member.build_source,
  ]
}

resource "google_service_account" "receiver" {
  account_id   = "webhooks-receiver"
  display_name = "The webhook receiver runs as this"

  depends_on = [google_project_service.this]
}

# The receiver publishes, to this one topic.
resource "google_pubsub_topic_iam_member" "receiver_to_events" {
  topic  = google_pubsub_topic.events.id
  role   = "roles/pubsub.publisher"
  member = google_service_account.receiver.member
}

# Anybody may call: a sender has no Google account. With a balancer, only through it.
resource "google_cloud_run_v2_service_iam_member" "anyone_to_receiver" {
  name     = google_cloudfunctions2_function.receiver.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.receiver.id]
  }
}
