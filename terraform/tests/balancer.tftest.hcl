# A load balancer in front: nobody gets past it, and no address may have all of the receiver.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

mock_provider "archive" {}

run "no_balancer" {
  command = plan

  assert {
    condition = (
      length(google_compute_backend_service.receiver) == 0 &&
      length(google_compute_global_address.receiver) == 0 &&
      length(google_compute_global_forwarding_rule.receiver) == 0 &&
      length(google_compute_managed_ssl_certificate.receiver) == 0 &&
      length(google_compute_region_network_endpoint_group.receiver) == 0 &&
      length(google_compute_security_policy.receiver) == 0 &&
      length(google_compute_target_https_proxy.receiver) == 0 &&
      length(google_compute_url_map.receiver) == 0 &&
      !contains(keys(google_project_service.this), "compute")
    )
    error_message = "There is no balancer that nobody asked for."
  }

  assert {
    condition     = output.address == null
    error_message = "Without a balancer there is no address."
  }

  assert {
    condition = output.urls == {
      for name, entry in yamldecode(file("../functions/receiver/sources.yaml")) :
      name => try(entry.public_url, "https://webhooks-receiver.example/${name}")
    }
    error_message = "A source's URL is the function's and its name, unless sources.yaml says another."
  }
}

run "balancer" {
  command = plan

  variables {
    balancer = { domains = ["hooks.example.com", "hooks.example.org"], requests_per_minute = 120 }
  }

  assert {
    condition     = google_cloudfunctions2_function.receiver.service_config[0].ingress_settings == "ALLOW_INTERNAL_AND_GCLB"
    error_message = "Nobody gets past the balancer."
  }

  assert {
    condition     = output.address == "192.0.2.1"
    error_message = "The output says where the domains must point to."
  }

  assert {
    condition = (
      google_compute_region_network_endpoint_group.receiver["receiver"].network_endpoint_type == "SERVERLESS" &&
      google_compute_region_network_endpoint_group.receiver["receiver"].region == "europe-west1" &&
      google_compute_region_network_endpoint_group.receiver["receiver"].cloud_run[0].service == "webhooks-receiver" &&
      one(google_compute_backend_service.receiver["receiver"].backend).group == google_compute_region_network_endpoint_group.receiver["receiver"].id
    )
    error_message = "Behind the balancer is the receiver."
  }

  assert {
    condition = (
      google_compute_backend_service.receiver["receiver"].load_balancing_scheme == "EXTERNAL_MANAGED" &&
      google_compute_global_forwarding_rule.receiver["receiver"].load_balancing_scheme == "EXTERNAL_MANAGED"
    )
    error_message = "Both ends of the balancer are of the same, present kind."
  }

  assert {
    condition     = google_compute_backend_service.receiver["receiver"].security_policy == google_compute_security_policy.receiver["receiver"].id
    error_message = "The limit is in force."
  }

  assert {
    condition = alltrue([for rule in google_compute_security_policy.receiver["receiver"].rule : (
      rule.action == "throttle" &&
      rule.rate_limit_options[0].enforce_on_key == "IP" &&
      rule.rate_limit_options[0].exceed_action == "deny(429)" &&
      rule.rate_limit_options[0].conform_action == "allow" &&
      rule.rate_limit_options[0].rate_limit_threshold[0].count == 120 &&
      rule.rate_limit_options[0].rate_limit_threshold[0].interval_sec == 60
    ) if rule.priority == 1000])
    error_message = "An address has as many requests a minute as was asked, and 429 for the rest."
  }

  assert {
    condition     = sort([for rule in google_compute_security_policy.receiver["receiver"].rule : rule.action]) == tolist(["allow", "throttle"])
    error_message = "Who is within the limit gets to the receiver: who that is, is proved by the request."
  }

  assert {
    condition = (
      google_compute_global_forwarding_rule.receiver["receiver"].port_range == "443" &&
      google_compute_global_forwarding_rule.receiver["receiver"].target == google_compute_target_https_proxy.receiver["receiver"].id &&
      google_compute_global_forwarding_rule.receiver["receiver"].ip_address == google_compute_global_address.receiver["receiver"].id &&
      google_compute_target_https_proxy.receiver["receiver"].url_map == google_compute_url_map.receiver["receiver"].id &&
      google_compute_url_map.receiver["receiver"].default_service == google_compute_backend_service.receiver["receiver"].id
    )
    error_message = "The address leads to the backend, with HTTPS alone."
  }

  assert {
    condition = (
      alltrue([for domain, certificate in google_compute_managed_ssl_certificate.receiver : certificate.managed[0].domains == tolist([domain])]) &&
      toset(keys(google_compute_managed_ssl_certificate.receiver)) == toset(["hooks.example.com", "hooks.example.org"])
    )
    error_message = "Each domain has its own certificate, so that another domain takes none away."
  }

  assert {
    condition = toset(google_compute_target_https_proxy.receiver["receiver"].ssl_certificates) == toset([
      for certificate in google_compute_managed_ssl_certificate.receiver : certificate.id
    ])
    error_message = "All domains are served."
  }

  assert {
    condition = output.urls == {
      for name, entry in yamldecode(file("../functions/receiver/sources.yaml")) :
      name => try(entry.public_url, "https://hooks.example.com/${name}")
    }
    error_message = "A source's URL is the first domain's and its name, unless sources.yaml says another."
  }
}

run "a_balancer_and_the_old_url" {
  command = plan

  variables {
    balancer = { direct = true, domains = ["hooks.example.com"] }
  }

  assert {
    condition     = google_cloudfunctions2_function.receiver.service_config[0].ingress_settings == "ALLOW_ALL"
    error_message = "Until every sender knows the new URL, the old one works too."
  }

  assert {
    condition     = google_compute_backend_service.receiver["receiver"].security_policy == google_compute_security_policy.receiver["receiver"].id
    error_message = "The new one is limited as ever."
  }
}
