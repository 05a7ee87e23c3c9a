# How the two functions run, and what they are told.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "receiver" {
  command = plan

  variables {
    receiver = {
      concurrency   = 40
      cpu           = 2
      environment   = { LOG_LEVEL = "WARNING" }
      max_instances = 7
      memory        = 2048
      min_instances = 1
    }
  }

  assert {
    condition = (
      google_cloudfunctions2_function.receiver.build_config[0].entry_point == "receive" &&
      google_cloudfunctions2_function.receiver.build_config[0].runtime == "python313"
    )
    error_message = "The receiver's function is receive()."
  }

  assert {
    condition = google_cloudfunctions2_function.receiver.service_config[0].environment_variables == tomap({
      KEYS             = "secret-manager"
      LOG_LEVEL        = "WARNING"
      MALLOC_ARENA_MAX = "2"
      PROJECT          = "a-project"
      THREADS          = "40"
      TOPIC            = google_pubsub_topic.events.id
    })
    error_message = "The receiver has as many threads as requests at a time, knows its topic, and reads its secrets from Secret Manager."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.receiver.service_config[0].max_instance_request_concurrency == 40 &&
      google_cloudfunctions2_function.receiver.service_config[0].available_cpu == "2" &&
      google_cloudfunctions2_function.receiver.service_config[0].available_memory == "2048Mi" &&
      google_cloudfunctions2_function.receiver.service_config[0].max_instance_count == 7 &&
      google_cloudfunctions2_function.receiver.service_config[0].min_instance_count == 1
    )
    error_message = "The receiver is as large as was asked."
  }

  assert {
    condition     = google_cloudfunctions2_function.receiver.service_config[0].ingress_settings == "ALLOW_ALL"
    error_message = "Without a balancer, senders call the receiver itself."
  }
}

run "processor" {
  command = plan

  variables {
    processor = {
      concurrency   = 8
      cpu           = 2
      environment   = { CRM_URL = "https://crm.example", UNHANDLED = "dead-letter" }
      max_instances = 7
      memory        = 2048
      min_instances = 1
      secrets       = { CRM_KEY = "crm-key" }
      timeout       = 300
    }
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.build_config[0].entry_point == "process" &&
      google_cloudfunctions2_function.processor.build_config[0].runtime == "python313"
    )
    error_message = "The processor's function is process()."
  }

  assert {
    condition = google_cloudfunctions2_function.processor.service_config[0].environment_variables == tomap({
      CRM_URL            = "https://crm.example"
      DEAD_LETTER_TOPIC  = google_pubsub_topic.dead.id
      FIRESTORE_DATABASE = "webhooks"
      HANDLER_TIMEOUT    = "300"
      LEDGER             = "firestore"
      MAX_ATTEMPTS       = "100"
      PROJECT            = "a-project"
      THREADS            = "8"
      UNHANDLED          = "dead-letter"
    })
    error_message = "The processor has as many threads as events at a time, knows where its ledger and the dead letters are, and what its handlers read."
  }

  assert {
    condition = (
      one(google_cloudfunctions2_function.processor.service_config[0].secret_environment_variables).key == "CRM_KEY" &&
      one(google_cloudfunctions2_function.processor.service_config[0].secret_environment_variables).project_id == "a-project" &&
      one(google_cloudfunctions2_function.processor.service_config[0].secret_environment_variables).secret == "crm-key" &&
      one(google_cloudfunctions2_function.processor.service_config[0].secret_environment_variables).version == "latest"
    )
    error_message = "A handler's secret is in its variable."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.service_config[0].max_instance_request_concurrency == 8 &&
      google_cloudfunctions2_function.processor.service_config[0].available_cpu == "2" &&
      google_cloudfunctions2_function.processor.service_config[0].available_memory == "2048Mi" &&
      google_cloudfunctions2_function.processor.service_config[0].max_instance_count == 7 &&
      google_cloudfunctions2_function.processor.service_config[0].min_instance_count == 1
    )
    error_message = "The processor is as large as was asked."
  }

  assert {
    condition     = google_cloudfunctions2_function.processor.service_config[0].timeout_seconds == 300
    error_message = "A request has the time that its handler has."
  }

  assert {
    condition     = google_cloudfunctions2_function.processor.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "The internet does not reach the processor."
  }
}

run "what_is_given_for_nothing" {
  command = plan

  assert {
    condition = (
      google_cloudfunctions2_function.receiver.service_config[0].environment_variables["THREADS"] == tostring(google_cloudfunctions2_function.receiver.service_config[0].max_instance_request_concurrency) &&
      google_cloudfunctions2_function.processor.service_config[0].environment_variables["THREADS"] == tostring(google_cloudfunctions2_function.processor.service_config[0].max_instance_request_concurrency)
    )
    error_message = "A function has a thread for each request that it is given."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.processor.service_config[0].timeout_seconds == 540 &&
      google_cloudfunctions2_function.processor.service_config[0].environment_variables["HANDLER_TIMEOUT"] == "540"
    )
    error_message = "A handler has 540 s, which is less than its lease of 570 s and the ack deadline of 600 s."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.receiver.build_config[0].docker_repository == google_artifact_registry_repository.images.id &&
      google_cloudfunctions2_function.processor.build_config[0].docker_repository == google_artifact_registry_repository.images.id &&
      google_cloudfunctions2_function.receiver.build_config[0].source[0].storage_source[0].bucket == google_storage_bucket.source.name &&
      google_cloudfunctions2_function.processor.build_config[0].source[0].storage_source[0].bucket == google_storage_bucket.source.name &&
      google_cloudfunctions2_function.receiver.build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.source["receiver"].name &&
      google_cloudfunctions2_function.processor.build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.source["processor"].name
    )
    error_message = "Each function is built from its own zip, into our repository."
  }

  assert {
    condition = (
      google_storage_bucket.source.public_access_prevention == "enforced" &&
      google_storage_bucket.source.uniform_bucket_level_access
    )
    error_message = "Nobody else reads the source."
  }

  assert {
    condition     = alltrue([for service in google_project_service.this : !service.disable_on_destroy])
    error_message = "What else is in the project keeps its services."
  }

  assert {
    condition = alltrue([for api in [
      "artifactregistry", "cloudbuild", "cloudfunctions", "firestore", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage"
    ] : google_project_service.this[api].service == "${api}.googleapis.com"])
    error_message = "What is used is switched on."
  }
}
