package sqlite

import "github.com/stem-jobs/stem/pkg/runtime"

// contest finds out whether the task id may take its unique key. owner is the
// task that keeps it from doing so; replaced is the waiting owner that has to
// end first.
func (s *step) contest(u *runtime.Unique, id string) (owner string, replaced *task, err error) {
	if u == nil {
		return "", nil, nil
	}
	holding, err := s.claimOf(u.Key, &owner)
	if err != nil || owner == "" || owner == id {
		return "", nil, err
	}
	if u.Mode != runtime.UniqueReplace || holding {
		return owner, nil, nil
	}
	t, err := s.taskOf(owner)
	if err != nil {
		return "", nil, err
	}
	if t != nil && t.place == placeLeased {
		return owner, nil, nil
	}
	return "", t, nil
}

// claimOf reads who owns a key, if anybody does, and whether that owner has
// ended and the key is only held on.
func (s *step) claimOf(key string, owner *string) (holding bool, err error) {
	_, err = one(s, `SELECT owner, until FROM stem_claims WHERE key = ?1 AND (until IS NULL OR until > ?2)`, func(r row) {
		*owner, holding = r.str(0), r[1] != nil
	}, key, s.now)
	return holding, err
}

// claimKey gives a key to a task, whoever had it before.
func (s *step) claimKey(key, id string) error {
	_, err := s.exec(`INSERT OR REPLACE INTO stem_claims (key, owner, until) VALUES (?, ?, NULL)`, key, id)
	return err
}

// releaseKey frees the key of a task that has ended, now or after its hold.
func (s *step) releaseKey(t *task) error {
	var err error
	if t.uniqueHold == 0 {
		_, err = s.exec(`DELETE FROM stem_claims WHERE key = ? AND owner = ?`, t.uniqueKey, t.id)
	} else {
		_, err = s.exec(`UPDATE stem_claims SET until = ? WHERE key = ? AND owner = ?`, s.now+t.uniqueHold, t.uniqueKey, t.id)
	}
	return err
}
