# A load balancer in front of the receiver, if asked for: your domains, and a limit for each address.

locals {
  balancers = var.balancer == null ? {} : { receiver = var.balancer }
}

resource "google_compute_region_network_endpoint_group" "receiver" {
  for_each = local.balancers

  name                  = "webhooks-receiver"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloudfunctions2_function.receiver.name
  }
}

resource "google_compute_security_policy" "receiver" {
  # checkov:skip=CKV_GCP_73: rules that look into bodies know nothing of webhooks, and there is no Java behind this
  for_each = local.balancers

  name        = "webhooks-receiver"
  description = "No address may have all of the receiver"

  rule {
    description = "So many requests a minute from one address, and 429 for the rest"
    priority    = 1000
    action      = "throttle"

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = each.value.requests_per_minute
        interval_sec = 60
      }
    }
  }

  rule {
    description = "Everybody else: who they are is proved by the request"
    priority    = 2147483647
    action      = "allow"

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_backend_service" "receiver" {
  for_each = local.balancers

  name                  = "webhooks-receiver"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.receiver[each.key].id

  backend {
    group = google_compute_region_network_endpoint_group.receiver[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "receiver" {
  for_each = local.balancers

  name            = "webhooks-receiver"
  default_service = google_compute_backend_service.receiver[each.key].id
}

# A certificate can't be changed, and a new one serves nobody for up to an hour: so each domain has its own.
resource "google_compute_managed_ssl_certificate" "receiver" {
  for_each = toset(try(var.balancer.domains, []))

  name = "webhooks-${substr(sha256(each.key), 0, 8)}"

  managed {
    domains = [each.key]
  }

  lifecycle {
    create_before_destroy = true # the proxy lets go of one before it is destroyed
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_target_https_proxy" "receiver" {
  for_each = local.balancers

  name             = "webhooks-receiver"
  url_map          = google_compute_url_map.receiver[each.key].id
  ssl_certificates = [for domain in each.value.domains : google_compute_managed_ssl_certificate.receiver[domain].id]
}

resource "google_compute_global_address" "receiver" {
  for_each = local.balancers

  name = "webhooks-receiver"

  depends_on = [google_project_service.this]
}

resource "google_compute_global_forwarding_rule" "receiver" {
  for_each = local.balancers

  name                  = "webhooks-receiver"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.receiver[each.key].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.receiver[each.key].id
}
