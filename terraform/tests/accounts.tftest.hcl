# Each account may do one thing. That there is nothing else is in tests/test_terraform.py.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "accounts" {
  command = plan

  variables {
    processor = { secrets = { CRM_KEY = "crm-key" } }
  }

  assert {
    condition = (
      google_cloudfunctions2_function.receiver.service_config[0].service_account_email == google_service_account.receiver.email &&
      google_cloudfunctions2_function.processor.service_config[0].service_account_email == google_service_account.processor.email &&
      google_cloudfunctions2_function.receiver.build_config[0].service_account == google_service_account.build.id &&
      google_cloudfunctions2_function.processor.build_config[0].service_account == google_service_account.build.id
    )
    error_message = "Each function runs as an account of its own, and both are built as a third."
  }

  assert {
    condition = (
      google_cloud_run_v2_service_iam_member.anyone_to_receiver.name == "webhooks-receiver" &&
      google_cloud_run_v2_service_iam_member.anyone_to_receiver.role == "roles/run.invoker" &&
      google_cloud_run_v2_service_iam_member.anyone_to_receiver.member == "allUsers"
    )
    error_message = "Anybody may call the receiver."
  }

  assert {
    condition = (
      google_cloud_run_v2_service_iam_member.push_to_processor.name == "webhooks-processor" &&
      google_cloud_run_v2_service_iam_member.push_to_processor.role == "roles/run.invoker" &&
      google_cloud_run_v2_service_iam_member.push_to_processor.member == google_service_account.push.member
    )
    error_message = "The push account may call the processor, and nobody else."
  }

  assert {
    condition = (
      google_pubsub_topic_iam_member.receiver_to_events.topic == google_pubsub_topic.events.id &&
      google_pubsub_topic_iam_member.receiver_to_events.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.receiver_to_events.member == google_service_account.receiver.member
    )
    error_message = "The receiver publishes events."
  }

  assert {
    condition = (
      google_pubsub_topic_iam_member.processor_to_dead.topic == google_pubsub_topic.dead.id &&
      google_pubsub_topic_iam_member.processor_to_dead.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.processor_to_dead.member == google_service_account.processor.member
    )
    error_message = "The processor publishes dead letters."
  }

  assert {
    condition = (
      google_project_iam_member.processor_ledger.role == "roles/datastore.user" &&
      google_project_iam_member.processor_ledger.member == google_service_account.processor.member &&
      google_project_iam_member.processor_ledger.condition[0].expression == "resource.name == \"projects/a-project/databases/webhooks\""
    )
    error_message = "The processor writes into the database of its ledger, and no other."
  }

  assert {
    condition = (
      toset(keys(google_secret_manager_secret_iam_member.processor)) == toset(["crm-key"]) &&
      google_secret_manager_secret_iam_member.processor["crm-key"].secret_id == "projects/a-project/secrets/crm-key" &&
      google_secret_manager_secret_iam_member.processor["crm-key"].role == "roles/secretmanager.secretAccessor" &&
      google_secret_manager_secret_iam_member.processor["crm-key"].member == google_service_account.processor.member
    )
    error_message = "The processor reads the secrets that its handlers ask for."
  }

  assert {
    condition = (
      google_service_account_iam_member.agent_as_push.service_account_id == google_service_account.push.name &&
      google_service_account_iam_member.agent_as_push.role == "roles/iam.serviceAccountTokenCreator" &&
      google_service_account_iam_member.agent_as_push.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Pub/Sub makes tokens of the push account."
  }

  assert {
    condition = (
      google_pubsub_topic_iam_member.agent_to_dead.topic == google_pubsub_topic.dead.id &&
      google_pubsub_topic_iam_member.agent_to_dead.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.agent_to_dead.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "Pub/Sub forwards what failed too often..."
  }

  assert {
    condition = (
      google_pubsub_subscription_iam_member.agent_from_processor[0].subscription == google_pubsub_subscription.processor[0].id &&
      google_pubsub_subscription_iam_member.agent_from_processor[0].role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.agent_from_processor[0].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "...and acknowledges it where it came from, or nothing would ever be forwarded."
  }
}
