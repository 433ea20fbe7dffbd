"""What is kept of people who sign in at the pages."""

from edge.privacy_activity import Activity
from policies.compiled import CompiledPolicy


def of_sign_ins(policy: CompiledPolicy) -> Activity:
    """Where the policy lets somebody use the pages."""
    roles = sorted({role for rule in policy.pages.values() for role in rule.roles})
    return Activity(
        purpose="to let people use the pages, each under a name of their own",
        people=(f"people with a role of {', '.join(roles)}",),
        data=(
            "the password's Argon2id hash, the authenticator's secret, public halves of passkeys",
            "hashes of sessions and one-time codes, with their times and the terminal",
            "in the journal, by random id: who signed in where and by what, and tries that failed",
        ),
        source="the people themselves",
        recipients=("whoever has the page of people: who signs in by what, and who is signed in",),
        retention="until it is removed, or the person is gone from the file; sessions for twelve "
        "hours; in the journal as above",
        safeguards=(
            "in `signins.db`, for the daemon's account alone; secrets of authenticators are sealed "
            "under a key that is derived from the site's",
            "no password, PIN, code or token in the journal, in a log or on any topic",
        ),
    )
