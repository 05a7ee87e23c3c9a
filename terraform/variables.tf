# What may be set. Who may send is not here: that is in functions/receiver/sources.yaml.

variable "alerts" {
  description = "Who is told: mail addresses, and notification channels that are there already (their ids)."
  type = object({
    channels = optional(list(string), [])
    emails   = optional(list(string), [])
  })
  default  = {}
  nullable = false
}

variable "archive" {
  description = "Write every event into a BigQuery table too, without code. It costs: docs/operating.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "archive_days" {
  description = "How long the archive keeps an event."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.archive_days >= 1 && floor(var.archive_days) == var.archive_days
    error_message = "archive_days is a whole number of days, 1 or more."
  }
}

variable "balancer" {
  description = <<-EOT
    A load balancer with your domains, and a limit of requests a minute for each address; null for none. With `direct`
    the receiver's own URL works beside it, until every sender knows the new one.
  EOT
  type = object({
    direct              = optional(bool, false)
    domains             = list(string)
    requests_per_minute = optional(number, 6000)
  })
  default = null

  validation {
    condition     = var.balancer == null || try(length(var.balancer.domains) > 0 && length(var.balancer.domains) <= 15, false)
    error_message = "balancer.domains has 1 to 15 domains, such as hooks.example.com: a balancer has room for 15 certificates."
  }

  validation {
    condition     = try(var.balancer.requests_per_minute >= 1, true)
    error_message = "balancer.requests_per_minute is 1 or more."
  }
}

variable "database" {
  description = "The Firestore database of the ledger; \"(default)\" is the one that many projects have."
  type        = string
  default     = "webhooks"
  nullable    = false
}

variable "dead_letter_bucket_days" {
  description = "Keep dead letters in a bucket too, for so many days; null for none. Pub/Sub keeps them for 31."
  type        = number
  default     = null

  validation {
    condition     = try(var.dead_letter_bucket_days > 31, true)
    error_message = "dead_letter_bucket_days is more than 31: for less, Pub/Sub keeps them itself."
  }
}

variable "delivery" {
  description = "How events reach the processor: push (a subscription of our own), or eventarc (the native trigger)."
  type        = string
  default     = "push"
  nullable    = false

  validation {
    condition     = contains(["push", "eventarc"], var.delivery)
    error_message = "delivery is push or eventarc. With eventarc an event is lost after 24 hours of failure."
  }
}

variable "firestore" {
  description = "Whether the database of the ledger is created here, or is an existing one."
  type        = string
  default     = "create"
  nullable    = false

  validation {
    condition     = contains(["create", "existing"], var.firestore)
    error_message = "firestore is create or existing."
  }
}

variable "labels" {
  description = "Labels for everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "processor" {
  description = <<-EOT
    The processor. `memory` is in MiB, `timeout` in seconds: that of a handler and of its request, below the lease of an
    event (30 more), below the ack deadline (600). `environment` is what your handlers read besides (and UNHANDLED,
    LOG_LEVEL); `secrets` is the same from Secret Manager: a variable's name, and that of the secret.
  EOT
  type = object({
    concurrency   = optional(number, 16)
    cpu           = optional(number, 1)
    environment   = optional(map(string), {})
    max_instances = optional(number, 100)
    memory        = optional(number, 1024)
    min_instances = optional(number, 0)
    runtime       = optional(string, "python313")
    secrets       = optional(map(string), {})
    timeout       = optional(number, 540)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.processor.timeout >= 1 && var.processor.timeout <= 540
    error_message = "processor.timeout is 1 to 540: its lease is 30 s longer, and the ack deadline of 600 s longer still."
  }

  validation {
    condition     = var.processor.concurrency >= 2 && var.processor.cpu >= 1
    error_message = "processor.concurrency is 2 or more, and takes a whole CPU at least."
  }

  # An event of 9 MB that a handler reads as JSON was measured to take 43 MiB: it is there as the push's text, as base64,
  # as bytes, and as what was read.
  validation {
    condition     = var.processor.memory >= 192 + 48 * var.processor.concurrency
    error_message = "processor.memory is 192 MiB and 48 more for each event at a time, at least."
  }

  validation {
    condition     = var.processor.min_instances >= 0 && var.processor.min_instances <= var.processor.max_instances
    error_message = "processor.min_instances is 0 or more, and not above max_instances."
  }

  validation {
    condition     = contains(["python311", "python312", "python313"], var.processor.runtime)
    error_message = "processor.runtime is python311, python312 or python313."
  }

  validation {
    condition     = length(setintersection(keys(var.processor.environment), keys(var.processor.secrets))) == 0
    error_message = "processor.environment and processor.secrets can't both set a variable."
  }

  validation {
    condition = length(setintersection(
      concat(keys(var.processor.environment), keys(var.processor.secrets)),
      ["DEAD_LETTER_TOPIC", "FIRESTORE_DATABASE", "HANDLER_TIMEOUT", "LEDGER", "MAX_AGE", "MAX_ATTEMPTS", "PROJECT", "THREADS"],
    )) == 0
    error_message = "processor.environment and processor.secrets can't set what is set here, such as PROJECT or MAX_ATTEMPTS."
  }
}

variable "project" {
  description = "The project's id."
  type        = string
  nullable    = false
}

variable "receiver" {
  description = <<-EOT
    The receiver. `memory` is in MiB. With `min_instances = 1` nobody waits for a cold start after a quiet hour, and a
    sender with a short deadline does not repeat itself; what that costs is in docs/operating.md. `environment` takes
    LOG_LEVEL, and SOURCES: another file than sources.yaml, in the same folder.
  EOT
  type = object({
    concurrency   = optional(number, 80)
    cpu           = optional(number, 1)
    environment   = optional(map(string), {})
    max_instances = optional(number, 100)
    memory        = optional(number, 1536)
    min_instances = optional(number, 0)
    runtime       = optional(string, "python313")
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.receiver.concurrency >= 2 && var.receiver.cpu >= 1
    error_message = "receiver.concurrency is 2 or more, and takes a whole CPU at least."
  }

  # Bodies over 1 MiB share 64 MiB; any other request may hold 1 MiB. While the queue does not answer, each was measured
  # to be there eight times: as read, in the message, in each try to send it, and in what is still to go out.
  validation {
    condition     = var.receiver.memory >= 128 + 8 * (64 + var.receiver.concurrency)
    error_message = "receiver.memory is 640 MiB and 8 more for each request at a time, at least."
  }

  validation {
    condition     = var.receiver.min_instances >= 0 && var.receiver.min_instances <= var.receiver.max_instances
    error_message = "receiver.min_instances is 0 or more, and not above max_instances."
  }

  validation {
    condition     = contains(["python311", "python312", "python313"], var.receiver.runtime)
    error_message = "receiver.runtime is python311, python312 or python313."
  }

  validation {
    condition     = length(setsubtract(keys(var.receiver.environment), ["LOG_LEVEL", "SOURCES"])) == 0
    error_message = "receiver.environment takes LOG_LEVEL and SOURCES; what else the receiver reads is set here."
  }
}

variable "region" {
  description = "Where all of it is, such as europe-west1."
  type        = string
  nullable    = false
}

variable "secret_versions" {
  description = "Secrets whose value is in `secrets`, each with a number: a higher one writes the value anew."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.secret_versions) : contains(keys(local.secrets), name)])
    error_message = "secret_versions names a secret that no source has; there are: ${join(", ", keys(local.secrets))}."
  }
}

variable "secrets" {
  description = <<-EOT
    Values of secrets by the name of their source (`meta_token` is its verify token), several one a line. They are
    written and kept nowhere else: not in the state, not in a plan. Give them as TF_VAR_secrets, not on a command line;
    or leave them out, and use `make secret`.
  EOT
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false
}
