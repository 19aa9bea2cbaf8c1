"""Who listens: the projections of this package register with it."""

from shared.inbox import Subscriber

subscriber = Subscriber("reporting")
