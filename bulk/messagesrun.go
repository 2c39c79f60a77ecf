package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

const (
	// messagesAhead is how many letters may wait for each that is logged.
	messagesAhead = 8
	// messageScope is what precedes the keys of messages in the ledger.
	messageScope = "message/"
	// messageRounds is how often a letter is tried again at the end whose outcome is unknown: the
	// list that shows it may have been late, or not to be read.
	messageRounds = 2
	// maxLate bounds the letters that are tried again.
	maxLate = 10_000
	// keyTries is how often other processes may begin to log a letter while it is looked up.
	keyTries = 3
)

// messages is a job that logs mails.
type messages struct {
	MessageOptions
	client *growthgenius.Client
	source iter.Seq2[*mailbox.Mail, error]
	meter  *meter

	*correspondents
	results chan *MessageResult
	stop    context.CancelCauseFunc
	slots   chan struct{} // one for each letter that is being logged
	places  chan struct{} // one for each letter that has been read
	group   sync.WaitGroup

	mu      sync.Mutex                    // guards the fields below
	chains  map[growthgenius.ID][]*letter // those that wait for an earlier one to the same contact
	late    []*letter                     // those whose outcome is unknown
	failing int
}

// run logs the mails, and passes the results to yield until that returns false.
func (m *messages) run(ctx context.Context, yield func(*MessageResult, error) bool) error {
	if err := m.check(m.client); err != nil {
		return err
	}
	defer m.meter.end()
	if err := m.prepare(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.stop = cancel
	m.results = make(chan *MessageResult)
	var failure error
	go func() {
		defer close(m.results)
		failure = m.read(ctx)
	}()
	more := true
	for result := range m.results { // to the end, so that no goroutine outlives it
		if more && !yield(result, nil) {
			more = false
			cancel(errMessagesLeft)
		}
	}
	return failure
}

// prepare reads what is needed before the first mail.
func (m *messages) prepare(ctx context.Context) (err error) {
	m.meter.during("reading the contacts")
	defer m.meter.during("")
	m.correspondents, err = readCorrespondents(ctx, m.client, &m.MessageOptions)
	m.slots = make(chan struct{}, m.Concurrency)
	m.places = make(chan struct{}, m.Concurrency*(1+messagesAhead))
	m.chains = map[growthgenius.ID][]*letter{}
	return err
}

// read reads the mails and logs them. It returns when all is done.
func (m *messages) read(ctx context.Context) error {
	err := m.readMails(ctx)
	m.group.Wait()
	for range messageRounds {
		late := m.late
		m.late = nil
		for _, l := range late {
			m.enqueue(ctx, l)
		}
		m.group.Wait()
	}
	for _, l := range m.late {
		m.emit(l)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (m *messages) readMails(ctx context.Context) error {
	mails, expected := 0, 0
	for mail, err := range m.source {
		if ctx.Err() != nil {
			return nil // read returns the cause
		}
		letters, err := m.lettersOf(ctx, mail, err)
		if err != nil {
			return err
		}
		mails++
		expected += len(letters)
		m.meter.expect(expected+max(0, m.Mails-mails)*expected/mails, m.Mails > 0)
		for _, l := range letters {
			m.enqueue(ctx, l)
		}
	}
	m.meter.expect(expected, true)
	return nil
}

// lettersOf returns the letters of a mail that was read, or of one that could not be.
func (m *messages) lettersOf(ctx context.Context, mail *mailbox.Mail, err error) ([]*letter, error) {
	if bad, ok := errors.AsType[*mailbox.Error](err); ok {
		return []*letter{{result: MessageResult{Where: bad.Where, Outcome: Rejected, Err: bad.Err}}}, nil
	}
	if err != nil {
		return nil, err
	}
	letters, err := m.letters(ctx, mail, &m.MessageOptions)
	if err != nil {
		failed := MessageResult{Where: mail.Where, MessageID: mail.MessageID, Outcome: Failed, Err: err}
		if ctx.Err() != nil {
			failed.Outcome = Pending
		}
		letters = []*letter{{result: failed}}
	}
	return letters, nil
}

// enqueue logs a letter after those to the same contact. It waits while there are many.
func (m *messages) enqueue(ctx context.Context, l *letter) {
	if l.result.Outcome != "" && l.result.Outcome != Unknown {
		m.emit(l)
		return
	}
	m.places <- struct{}{}
	contact := l.result.Contact
	m.mu.Lock()
	defer m.mu.Unlock()
	if waiting, ok := m.chains[contact]; ok {
		m.chains[contact] = append(waiting, l)
		return
	}
	m.chains[contact] = nil
	m.group.Go(func() {
		for l := l; l != nil; l = m.next(contact) {
			m.slots <- struct{}{}
			m.log(ctx, l)
			<-m.slots
			if l.result.Outcome == Unknown && m.postpone(l) {
				<-m.places
				continue
			}
			m.emit(l)
			<-m.places
		}
	})
}

// next returns the letter that waits longest for the end of another to the same contact.
func (m *messages) next(contact growthgenius.ID) *letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := m.chains[contact]
	if len(waiting) == 0 {
		delete(m.chains, contact)
		return nil
	}
	m.chains[contact] = waiting[1:]
	return waiting[0]
}

// postpone keeps a letter for the end. It reports false if there are too many.
func (m *messages) postpone(l *letter) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.late) == maxLate {
		return false
	}
	m.late = append(m.late, l)
	return true
}

// emit passes a result to the loop, and ends the run if too many have failed.
func (m *messages) emit(l *letter) {
	r := &l.result
	m.meter.done(r.Outcome, l.calls)
	m.mu.Lock()
	m.failing++
	if r.Outcome != Failed {
		m.failing = 0
	}
	if m.failing == mostFailing {
		m.stop(fmt.Errorf("%d results in a row have failed, the last one because of this: %w", m.failing, r.Err))
	}
	m.mu.Unlock()
	m.results <- r
}

// log logs a letter, unless the ledger knows that it is logged, and sets its result.
func (m *messages) log(ctx context.Context, l *letter) {
	r := &l.result
	for try := 0; ; try++ {
		entry, err := entryOf(ctx, m.client.Ledger(), messageScope+l.key)
		switch {
		case err == nil && entry.ID != "":
			r.ID, r.Outcome, r.Err, r.Token = entry.ID, AlreadyLogged, nil, nil
			if isAnother(l.input, entry) {
				r.ID, r.Outcome, r.Err = "", Rejected, fmt.Errorf("the Message-ID is that of another mail, which is logged as message %s", entry.ID)
			}
			return
		case err == nil && m.DryRun:
			r.Outcome = Logged
			return
		case err == nil:
			err = m.create(ctx, l, entry)
			if errors.Is(err, growthgenius.ErrKeyReused) && try < keyTries {
				continue // by another process, since the entry was read
			}
		}
		if err != nil {
			outcome, token := m.outcome(ctx, err)
			if r.Outcome != Unknown || outcome != Failed && outcome != Pending { // else it is still unknown
				r.Outcome, r.Err, r.Token = outcome, err, token
			}
		}
		return
	}
}

// create logs a letter, and sets its result if there is no error.
func (m *messages) create(ctx context.Context, l *letter, e growthgenius.Entry) error {
	client, input := m.client, l.input
	if user, content, ok := contentOf(e); ok { // of copies of a mail the first one counts
		client, input = client.ForUser(user), content
	}
	l.calls++
	begun := e.Token != nil
	logged, err := client.Messages.Create(ctx, input, growthgenius.Once(l.key),
		growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { begun = true; return nil }))
	if err != nil {
		return err //nolint:wrapcheck // it says what it is about
	}
	r := &l.result
	r.ID, r.Outcome, r.Err, r.Token = logged.ID, Logged, nil, nil
	if !begun { // another process has
		r.Outcome = AlreadyLogged
	}
	return nil
}

// outcome returns what an error means for a letter.
func (m *messages) outcome(ctx context.Context, err error) (Outcome, *growthgenius.CreateToken) {
	if unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err); ok {
		return Unknown, &unknown.Token
	}
	switch {
	case ctx.Err() != nil:
		return Pending, nil
	case isRejected(err), errors.Is(err, growthgenius.ErrNotFound):
		return Rejected, nil
	case errors.Is(err, growthgenius.ErrUnauthorized):
		m.stop(err)
	}
	return Failed, nil
}

// contentOf returns the acting user and the content of the create that was begun under a key, if
// there is one.
func contentOf(e growthgenius.Entry) (user growthgenius.ID, content growthgenius.MessageInput, ok bool) {
	raw, err := json.Marshal(e.Token)
	var token struct {
		UserID  growthgenius.ID           `json:"user_id"`
		Content growthgenius.MessageInput `json:"content"`
	}
	if e.Token == nil || err != nil || json.Unmarshal(raw, &token) != nil {
		return "", content, false
	}
	return token.UserID, token.Content, true
}

// isAnother reports whether a message is not that of an entry: date, subject and text of copies
// of a mail may differ, but not all of them.
func isAnother(in growthgenius.MessageInput, e growthgenius.Entry) bool {
	_, logged, ok := contentOf(e)
	if !ok {
		return false
	}
	sent, _ := in.SentAt.Get()
	sentBefore, _ := logged.SentAt.Get()
	return !sent.Equal(sentBefore) && differ(in.RenderedSubject, logged.RenderedSubject) && differ(in.RenderedCopy, logged.RenderedCopy)
}

func differ(a, b growthgenius.Optional[string]) bool {
	x, _ := a.Get()
	y, _ := b.Get()
	return words(x) != words(y)
}
