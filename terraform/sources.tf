# Who may send, as the receiver reads it, and what is known of their providers.

locals {
  sources_file = lookup(var.receiver.environment, "SOURCES", "sources.yaml")
  sources      = yamldecode(file("${path.module}/../functions/receiver/${local.sources_file}"))
  known        = jsondecode(file("${path.module}/providers.json")) # written by `make docs`

  # Of each source: does it have a secret, a verify token, and does its sender hand the secret over by itself?
  facts = {
    for name, entry in local.sources : name => merge(
      { secret = true, token = false, hands_over = false },
      try(local.known.providers[entry.provider], {}),
      try(entry.verify, "") == "none" ? { secret = false } : {},
      contains(local.known.schemes_without_secret, try(tostring(entry.verify), keys(entry.verify)[0], "")) ? { secret = false } : {},
    )
  }

  unknown = [
    for name, entry in local.sources : "${name} (${try(entry.provider, "nobody")})"
    if !can(entry.verify) && !contains(keys(local.known.providers), try(entry.provider, ""))
  ]
  # As true and false Terraform reads yes, no, on, off, y and n, which the receiver takes for the names they are.
  misnamed = [
    for name in keys(local.sources) : name
    if !can(regex("^[a-z]([a-z0-9-]{0,38}[a-y0-9])?$", name)) || strcontains(name, "--")
    || contains(["eventlog", "false", "true", "z"], name)
  ]

  # "6h" and "30m" as seconds; 0 is what can't be read.
  expected = {
    for name, entry in local.sources : name => try(
      tonumber(regex("^([1-9][0-9]{0,3})h$", entry.expect_every)[0]) * 3600,
      tonumber(regex("^([1-9][0-9]{0,3})m$", entry.expect_every)[0]) * 60,
      0,
    ) if can(entry.expect_every)
  }
  mistimed = [for name, seconds in local.expected : name if seconds < 5 * 60 || seconds > 23 * 3600]
}
