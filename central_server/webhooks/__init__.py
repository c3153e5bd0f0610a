"""Other systems that head office tells something: CRM, e-mail. By the Standard Webhooks (https://www.standardwebhooks.com)."""
