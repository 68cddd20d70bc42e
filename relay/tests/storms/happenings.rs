//! Whatever happens to one conversation, each thing at its moment.

use super::*;

impl Storm {
    pub(super) fn happens(&mut self, happening: Happening, sequence: u64) {
        match happening {
            Happening::Act(act) => self.acts(act),
            Happening::Made => self.made_at_random(),
            Happening::Beside => self.made_beside(),
            Happening::Confirmed(side, link, linked) => {
                if matches!(self.stand(side, link), Stand::Awaited(_)) {
                    self.confirmed(side, link, linked);
                }
            }
            Happening::Calm => {
                self.calm = true;
                self.outage = self.now;
            }
            Happening::Leaves(who, wait) => {
                let linked = |party: &Party| party.over.is_some() || party.conversation.is_linked();
                if wait > 0 && !self.parties.iter().all(linked) {
                    return self.at(1_000, Happening::Leaves(who, wait - 1));
                }
                for side in (0..2).filter(|side| who[*side]) {
                    if self.parties[side].over.is_none() {
                        self.tell(side, Input::Leave);
                    }
                }
            }
            Happening::Seeks(side, seek) => self.seeks_on(side, seek),
            Happening::Hears(side, connection, news) => self.hears_relay(side, connection, news),
            Happening::Writes(side, link) => self.writes(side, link),
            Happening::Arrives(side, link, flight, sent) => {
                if self.wires[&link].ends[1 - side].mute.is_some_and(|mute| mute <= sent) {
                    return;
                }
                match self.stand(side, link) {
                    Stand::Awaited(_) if self.wires[&link].lines.is_some() => match flight {
                        Flight::Confirmation => self.finishes(link),
                        Flight::Fin => self.down(side, link, LinkEnd::Closed),
                        Flight::Control(_) | Flight::Chunk(..) => {}
                    },
                    Stand::Awaited(at) => {
                        let again = Happening::Arrives(side, link, flight, sent);
                        self.queue.insert((at.max(self.now.after(millis(1))), sequence), again);
                    }
                    Stand::Up => self.arrives(side, link, flight),
                    Stand::Closing(until) if self.now <= until => self.arrives(side, link, flight),
                    Stand::Closing(_) | Stand::Down => {}
                }
            }
            Happening::Written(side, link, item, range) => {
                self.end(side, link).unwritten -= 1;
                self.model.wrote(side, item, range.clone());
                self.tell(side, Input::Wrote(item, range));
            }
            Happening::Down(side, link, how) => self.down(side, link, how),
            Happening::Answers(side, input) => {
                self.model.answers(side, &input);
                if let Input::Total(item, bytes) = &input
                    && let Some(source) = self.parties[side].sources.get_mut(item)
                {
                    source.total = Some(*bytes);
                }
                self.tell(side, input);
            }
            Happening::Second(side) => {
                let waits = |(link, wire): (&LinkId, &Wire)| {
                    let end = &wire.ends[side];
                    let reads = end.stand == Stand::Up && end.unwritten == 0;
                    reads.then(|| (*link, self.now.since(end.waits)))
                };
                for (link, waited) in self.wires.iter().filter_map(waits).collect::<Vec<_>>() {
                    self.tell(side, Input::Quiet(link, waited));
                }
                if self.parties[side].over.is_none() {
                    self.at(1000, Happening::Second(side));
                }
            }
        }
    }

    /// A side has a link.
    pub(super) fn confirmed(&mut self, side: usize, link: LinkId, linked: bool) {
        if self.parties[side].over.is_some() {
            self.end(side, link).stand = Stand::Down;
            return;
        }
        let now = self.now;
        let end = self.end(side, link);
        (end.stand, end.waits) = (Stand::Up, now);
        self.note(|| format!("{side} confirms {} (linked {linked})", link.0));
        self.model.up(side, link);
        self.tell(side, Input::LinkUp { link, linked, most: 8 });
    }

    pub(super) fn tell(&mut self, side: usize, input: Input<'_>) {
        let actions = self.parties[side].conversation.handle(self.now, input);
        self.parties[side].wake_at = actions.wake_at;
        actions.cut.iter().for_each(|link| self.model.cuts(side, *link));
        for (link, body) in actions.control {
            let control: Control = read(&body).unwrap();
            if !matches!(control, Control::Heartbeat { .. }) {
                self.note(|| format!("{side} says on {}: {control:?}", link.0));
            }
            self.model.says(side, link, &control);
            self.end(side, link).control.push_back(body);
            self.write_soon(side, link);
        }
        for link in actions.cut {
            self.note(|| format!("{side} cuts {}", link.0));
            self.close(side, link);
        }
        for grant in actions.grants {
            self.note(|| format!("{side} grants {grant:?}"));
            self.model.grants(side, &grant);
            let range = grant.range;
            let from = range.start;
            self.end(side, grant.link).grants.push_back((grant.transfer, range, from));
            self.write_soon(side, grant.link);
        }
        for event in actions.events {
            self.note(|| format!("{side} hears {event:?}"));
            assert!(self.parties[side].over.is_none(), "an event after the end: {event:?}");
            self.hears(side, event);
        }
        let links = |wire: &&Wire| wire.ends[side].stand == Stand::Up;
        assert!(self.wires.values().filter(links).count() <= 8, "over eight links");
        if self.parties[side].over.is_some() {
            self.leave_links(side);
        } else if self.parties[side].conversation.needs_link()
            && !self.making
            && !self.tidy
            && self.direct
        {
            self.making = true;
            let wait = 50 + self.below(1500);
            self.at(wait, Happening::Made);
        } else if self.wants_stripes(side) && !self.making_stripes && !self.tidy && self.direct {
            self.making_stripes = true;
            let wait = 50 + self.below(1500);
            self.at(wait, Happening::Beside);
        }
        self.seeks(side);
    }
}
