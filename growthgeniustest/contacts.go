package growthgeniustest

import (
	"bytes"
	"strings"

	"github.com/growthgenius/growthgenius-go"
)

func (s *Server) createContact(c *call) response {
	return s.create(s.contacts, c, func(fields record) {
		delete(fields, "id") // the server chooses it
		fields.setDefault("user_id", actingID(c))
		s.completeContact(fields)
	})
}

func (s *Server) updateContact(c *call) response {
	return s.update(s.contacts, c, func(old, next record) {
		// Names that were made from the first and last name change with them.
		for _, name := range []string{"full_name", "name"} {
			if bytes.Equal(old[name], next[name]) && old.text(name) == joinedName(old) {
				next[name] = null
			}
		}
		s.completeContact(next)
	})
}

func (s *Server) getContact(c *call) response   { return s.get(s.contacts, c) }
func (s *Server) listContacts(c *call) response { return s.updatedBetween(s.contacts, c) }
func (s *Server) deleteContact(c *call) response {
	return s.remove(s.contacts, c, []byte("{}"))
}

// completeContact sets fields that follow from other fields.
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
