# The queue pushes to the processor: for how long, how often, and as whom.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "push" {
  command = plan

  assert {
    condition = (
      length(google_pubsub_subscription.processor) == 1 &&
      length(google_cloudfunctions2_function.processor.event_trigger) == 0 &&
      length(google_cloudfunctions2_function.receiver.event_trigger) == 0
    )
    error_message = "There is one subscription and no trigger: with both, each event is delivered twice."
  }

  assert {
    condition     = google_pubsub_subscription.processor[0].topic == google_pubsub_topic.events.id
    error_message = "The subscription is one of the topic that the receiver publishes to."
  }

  assert {
    condition     = google_pubsub_subscription.processor[0].ack_deadline_seconds == 600
    error_message = "A push has 600 s, longer than a lease of 570 s and a handler of 540 s."
  }

  assert {
    condition = (
      google_pubsub_subscription.processor[0].retry_policy[0].minimum_backoff == "10s" &&
      google_pubsub_subscription.processor[0].retry_policy[0].maximum_backoff == "600s"
    )
    error_message = "What failed waits for 10 s, and longer each time, up to 600 s."
  }

  assert {
    condition = (
      google_pubsub_subscription.processor[0].dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.dead.id &&
      google_pubsub_subscription.processor[0].dead_letter_policy[0].max_delivery_attempts == 100
    )
    error_message = "What failed 100 times goes to the dead letters."
  }

  assert {
    condition     = google_pubsub_subscription.processor[0].message_retention_duration == "2678400s"
    error_message = "An event waits for 31 days."
  }

  assert {
    condition     = google_pubsub_subscription.processor[0].expiration_policy[0].ttl == ""
    error_message = "A subscription without traffic stays."
  }

  assert {
    condition = (
      google_pubsub_subscription.processor[0].push_config[0].push_endpoint == "https://webhooks-processor.example" &&
      length(google_pubsub_subscription.processor[0].push_config[0].no_wrapper) == 0
    )
    error_message = "Messages are pushed to the processor, in their wrapping."
  }

  assert {
    condition = (
      google_pubsub_subscription.processor[0].push_config[0].oidc_token[0].service_account_email == google_service_account.push.email &&
      google_pubsub_subscription.processor[0].push_config[0].oidc_token[0].audience == "https://webhooks-processor.example"
    )
    error_message = "A push proves that it is of the push account, and meant for the processor."
  }

  assert {
    condition = (
      google_pubsub_subscription.processor[0].filter == null &&
      length(google_pubsub_subscription.processor[0].message_transforms) == 0 &&
      length(google_pubsub_topic.events.message_transforms) == 0 &&
      length(google_pubsub_topic.events.schema_settings) == 0
    )
    error_message = "Every event is delivered, as it was published."
  }

  assert {
    condition     = google_pubsub_topic.events.message_retention_duration == "604800s"
    error_message = "The topic keeps everything for 7 days, for a seek."
  }

  assert {
    condition = (
      google_pubsub_topic.events.message_storage_policy[0].allowed_persistence_regions == toset(["europe-west1"]) &&
      google_pubsub_topic.dead.message_storage_policy[0].allowed_persistence_regions == toset(["europe-west1"])
    )
    error_message = "Bodies are at rest in the region, and nowhere else."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.service_config[0].environment_variables["MAX_ATTEMPTS"] == "100" &&
      !contains(keys(google_cloudfunctions2_function.processor.service_config[0].environment_variables), "MAX_AGE")
    )
    error_message = "The processor counts attempts as the subscription does, and no age."
  }

  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.receiver.service_config[0].environment_variables), "MAX_BODY")
    error_message = "A push carries whatever the topic takes: the receiver has no limit of its own."
  }

  assert {
    condition     = !contains(keys(google_project_service.this), "eventarc")
    error_message = "Eventarc is not switched on for nothing."
  }
}
