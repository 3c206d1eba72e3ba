package runtime

import (
	"encoding/json"
	"time"
)

// wireRetry is a policy as it travels in the meta stem.retryPolicy.
type wireRetry struct {
	Max          *int     `json:"maxRetries,omitempty"`
	BackoffMs    int64    `json:"defaultDelayMs,omitempty"`
	CapMs        int64    `json:"backoffMaxMs,omitempty"`
	Backoff      bool     `json:"backoff"`
	Jitter       bool     `json:"jitter"`
	RetryFor     []string `json:"autoRetryFor,omitempty"`
	DontRetryFor []string `json:"dontAutoRetryFor,omitempty"`
}

// MarshalJSON writes the policy with the wire's keys; delays are integer
// milliseconds. Go matchers do not travel.
func (p RetryPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireRetry{
		Max: p.Max, BackoffMs: ceilMillis(p.Backoff), CapMs: ceilMillis(p.Cap),
		Backoff: !p.Constant, Jitter: !p.NoJitter, RetryFor: p.RetryFor, DontRetryFor: p.DontRetryFor,
	})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *RetryPolicy) UnmarshalJSON(data []byte) error {
	w := wireRetry{Backoff: true, Jitter: true}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*p = RetryPolicy{
		Max:     w.Max,
		Backoff: fromMillis(w.BackoffMs), Cap: fromMillis(w.CapMs),
		Constant: !w.Backoff, NoJitter: !w.Jitter, RetryFor: w.RetryFor, DontRetryFor: w.DontRetryFor,
	}
	return nil
}

// fromMillis keeps what others wrote within what a duration can hold.
func fromMillis(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), maxMillis)) * time.Millisecond
}
