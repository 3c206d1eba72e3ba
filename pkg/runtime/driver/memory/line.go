package memory

// list is a queue of tasks in the order they joined. A task is in one list at
// most and carries the links itself, so leaving from the middle costs nothing.
type list struct {
	head, tail *task
	n          int
}

func (l *list) push(t *task) {
	t.in, t.prev = l, l.tail
	if l.tail == nil {
		l.head = t
	} else {
		l.tail.next = t
	}
	l.tail = t
	l.n++
}

func (l *list) remove(t *task) {
	if t.prev == nil {
		l.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.in, t.prev, t.next = nil, nil, nil
	l.n--
}

// position returns the place of t in the list, from 1 on.
func (l *list) position(t *task) int64 {
	n := int64(1)
	for x := l.head; x != t; x = x.next {
		n++
	}
	return n
}

// line holds the ready tasks of one queue and priority in the order they
// became known. New ones join at the end of the list; one that comes back (from
// a delay, a release, a lost worker) has an older number than the end of the
// list and waits in the heap beside it. The next is the older of the two heads.
type line struct {
	fresh list
	back  heap[*task]
}

func newLine() *line {
	return &line{back: heap[*task]{
		less: func(a, b *task) bool { return a.seq < b.seq },
		pos:  func(t *task) *int { return &t.timer },
	}}
}

func (l *line) len() int { return l.fresh.n + l.back.len() }

func (l *line) add(t *task) {
	if l.fresh.tail == nil || l.fresh.tail.seq < t.seq {
		l.fresh.push(t)
		return
	}
	l.back.push(t)
}

func (l *line) first() *task {
	t := l.fresh.head
	if l.back.len() > 0 && (t == nil || l.back.top().seq < t.seq) {
		return l.back.top()
	}
	return t
}

func (l *line) remove(t *task) {
	if t.in == &l.fresh {
		l.fresh.remove(t)
		return
	}
	l.back.remove(t)
}

// before counts the tasks of the line that are served before t.
func (l *line) before(t *task) int64 {
	var n int64
	for x := l.fresh.head; x != nil && x.seq < t.seq; x = x.next {
		n++
	}
	for _, x := range l.back.items {
		if x.seq < t.seq {
			n++
		}
	}
	return n
}
