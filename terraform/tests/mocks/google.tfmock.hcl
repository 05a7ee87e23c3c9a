# What Google would say of what is planned, so that a test sees whether it gets where it belongs. Nothing is called.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

# Each of these has an id of its own, which is made up.
mock_resource "google_compute_managed_ssl_certificate" {}

mock_resource "google_secret_manager_secret" {}

override_resource {
  target = google_service_account.build
  values = {
    email  = "webhooks-build@a-project.iam.gserviceaccount.com"
    id     = "projects/a-project/serviceAccounts/webhooks-build@a-project.iam.gserviceaccount.com"
    member = "serviceAccount:webhooks-build@a-project.iam.gserviceaccount.com"
    name   = "projects/a-project/serviceAccounts/webhooks-build@a-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.processor
  values = {
    email  = "webhooks-processor@a-project.iam.gserviceaccount.com"
    id     = "projects/a-project/serviceAccounts/webhooks-processor@a-project.iam.gserviceaccount.com"
    member = "serviceAccount:webhooks-processor@a-project.iam.gserviceaccount.com"
    name   = "projects/a-project/serviceAccounts/webhooks-processor@a-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push
  values = {
    email  = "webhooks-push@a-project.iam.gserviceaccount.com"
    id     = "projects/a-project/serviceAccounts/webhooks-push@a-project.iam.gserviceaccount.com"
    member = "serviceAccount:webhooks-push@a-project.iam.gserviceaccount.com"
    name   = "projects/a-project/serviceAccounts/webhooks-push@a-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.receiver
  values = {
    email  = "webhooks-receiver@a-project.iam.gserviceaccount.com"
    id     = "projects/a-project/serviceAccounts/webhooks-receiver@a-project.iam.gserviceaccount.com"
    member = "serviceAccount:webhooks-receiver@a-project.iam.gserviceaccount.com"
    name   = "projects/a-project/serviceAccounts/webhooks-receiver@a-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_pubsub_topic.events
  values = {
    id = "projects/a-project/topics/webhooks"
  }
}

override_resource {
  target = google_pubsub_topic.dead
  values = {
    id = "projects/a-project/topics/webhooks-dead"
  }
}

override_resource {
  target = google_pubsub_topic.archive_dead
  values = {
    id = "projects/a-project/topics/webhooks-archive-dead"
  }
}

override_resource {
  target = google_pubsub_subscription.processor
  values = {
    id = "projects/a-project/subscriptions/webhooks-processor"
  }
}

override_resource {
  target = google_pubsub_subscription.archive
  values = {
    id = "projects/a-project/subscriptions/webhooks-archive"
  }
}

override_resource {
  target = google_cloudfunctions2_function.receiver
  values = {
    service_config = {
      uri = "https://webhooks-receiver.example"
    }
  }
}

override_resource {
  target = google_cloudfunctions2_function.processor
  values = {
    service_config = {
      uri = "https://webhooks-processor.example"
    }
  }
}

override_resource {
  target = google_artifact_registry_repository.images
  values = {
    id   = "projects/a-project/locations/europe-west1/repositories/webhooks"
    name = "webhooks"
  }
}

override_resource {
  target = google_compute_security_policy.receiver
  values = {
    id = "projects/a-project/global/securityPolicies/webhooks-receiver"
  }
}

override_resource {
  target = google_compute_region_network_endpoint_group.receiver
  values = {
    id = "projects/a-project/regions/europe-west1/networkEndpointGroups/webhooks-receiver"
  }
}

override_resource {
  target = google_compute_backend_service.receiver
  values = {
    id = "projects/a-project/global/backendServices/webhooks-receiver"
  }
}

override_resource {
  target = google_compute_url_map.receiver
  values = {
    id = "projects/a-project/global/urlMaps/webhooks-receiver"
  }
}

override_resource {
  target = google_compute_target_https_proxy.receiver
  values = {
    id = "projects/a-project/global/targetHttpsProxies/webhooks-receiver"
  }
}

override_resource {
  target = google_compute_global_address.receiver
  values = {
    address = "192.0.2.1"
    id      = "projects/a-project/global/addresses/webhooks-receiver"
  }
}
