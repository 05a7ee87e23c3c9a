output "urls" {
  description = "What to paste into each sender's form, by source."
  value = {
    for name, entry in local.sources : name => try(entry.public_url, "${local.base_url}/${name}")
  }
}

output "secrets" {
  description = "The secrets in Secret Manager that the sources need; `make secret SOURCE=...` gives one its value."
  value       = { for name, secret in google_secret_manager_secret.source : name => secret.secret_id }
}

output "service_accounts" {
  description = "Who the functions run as, for the roles that your handlers need besides."
  value = {
    processor = google_service_account.processor.email
    receiver  = google_service_account.receiver.email
  }
}

output "address" {
  description = "With a balancer: where the A records of its domains point to."
  value       = one([for address in google_compute_global_address.receiver : address.address])
}

locals {
  base_url = var.balancer == null ? google_cloudfunctions2_function.receiver.service_config[0].uri : "https://${var.balancer.domains[0]}"
}
