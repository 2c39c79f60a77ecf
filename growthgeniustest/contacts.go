package growthgeniustest

import (
	"bytes"
	"strings"

	"github.com/growthgenius/growthgenius-go"
)

func (s *Server) createContact(c *call) answer {
	return s.create(s.contacts, c, func(fields record) {
		delete(fields, "id") // the server's own
		fields.setDefault("user_id", actingID(c))
		s.completeContact(fields)
	})
}

func (s *Server) updateContact(c *call) answer {
	return s.update(s.contacts, c, func(old, next record) {
		// The names that were made of first and last name follow them.
		for _, name := range []string{"full_name", "name"} {
			if bytes.Equal(old[name], next[name]) && old.text(name) == joinedName(old) {
				next[name] = null
			}
		}
		s.completeContact(next)
	})
}

func (s *Server) getContact(c *call) answer    { return s.get(s.contacts, c) }
func (s *Server) deleteContact(c *call) answer { return s.remove(s.contacts, c, []byte("{}")) }
func (s *Server) listContacts(c *call) answer  { return s.updatedBetween(s.contacts, c) }

// completeContact fills in what follows from other fields.
func (s *Server) completeContact(fields record) {
	if name := joinedName(fields); name != "" {
		fields.setDefault("full_name", name)
		fields.setDefault("name", name)
	}
	if email := fields.text("email"); s.cfg.emailNormalization && email != "" {
		fields.set("email", strings.ToLower(strings.TrimSpace(email)))
	}
}

func joinedName(fields record) string {
	return strings.TrimSpace(fields.text("first_name") + " " + fields.text("last_name"))
}

func actingID(c *call) growthgenius.ID { return growthgenius.ID(c.acting) }
