# A trigger instead of a subscription: what it does not count, and what it does not carry.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

variables {
  delivery = "eventarc"
}

run "eventarc" {
  command = plan

  assert {
    condition = (
      length(google_pubsub_subscription.processor) == 0 &&
      length(google_pubsub_subscription_iam_member.agent_from_processor) == 0 &&
      length(google_cloudfunctions2_function.processor.event_trigger) == 1 &&
      length(google_cloudfunctions2_function.receiver.event_trigger) == 0
    )
    error_message = "There is one trigger and no subscription: with both, each event is delivered twice."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.event_trigger[0].event_type == "google.cloud.pubsub.topic.v1.messagePublished" &&
      google_cloudfunctions2_function.processor.event_trigger[0].pubsub_topic == google_pubsub_topic.events.id &&
      google_cloudfunctions2_function.processor.event_trigger[0].trigger_region == "europe-west1"
    )
    error_message = "The trigger is for what is published to the topic of the receiver."
  }

  assert {
    condition     = google_cloudfunctions2_function.processor.event_trigger[0].retry_policy == "RETRY_POLICY_RETRY"
    error_message = "A failure is tried again."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.event_trigger[0].service_account_email == google_service_account.push.email &&
      google_cloud_run_v2_service_iam_member.push_to_processor.member == google_service_account.push.member
    )
    error_message = "The trigger calls as the push account, which may."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.service_config[0].environment_variables["MAX_AGE"] == "72000" &&
      !contains(keys(google_cloudfunctions2_function.processor.service_config[0].environment_variables), "MAX_ATTEMPTS")
    )
    error_message = "The processor parks at an age of 20 hours, 4 before the trigger drops, and counts no attempts."
  }

  assert {
    condition     = google_cloudfunctions2_function.receiver.service_config[0].environment_variables["MAX_BODY"] == "350000"
    error_message = "The receiver takes no body that a trigger could not carry."
  }

  assert {
    condition     = google_project_service.this["eventarc"].service == "eventarc.googleapis.com"
    error_message = "Eventarc is switched on."
  }
}
