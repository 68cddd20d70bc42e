//! The program around a conversation: it wants everything, but for some, and answers when it can.

use super::*;

impl Storm {
    /// An answer of the program's.
    pub(super) fn answers(&mut self, side: usize, most: u64, input: Input<'static>) {
        let wait = self.while_of(most);
        self.at(wait, Happening::Answers(side, input));
    }

    /// Prepares a part, of which some may be here from another day.
    fn registers(&mut self, side: usize, part: &Part) {
        let start = self.parties[side].ends.get(&part.item).copied().unwrap_or(0);
        let size = part.entries.iter().filter_map(|entry| entry.size).sum::<u64>();
        self.parties[side].ends.insert(part.item, start + size);
        let stream = part.entries.iter().any(|entry| entry.item.is_some());
        if stream || size < 9 || !self.one_in(3) {
            return self.answers(side, 20, Input::Registered(part.item));
        }
        let middle = start + 1 + self.below(size - 2);
        let here = vec![start..middle, middle + 1..start + size];
        self.answers(side, 20, Input::Have(part.item, here));
    }

    pub(super) fn hears(&mut self, side: usize, event: Event) {
        self.model.hears(side, &event);
        match event {
            Event::Text(item, _) => match self.while_of(12) {
                1 => self.answers(side, 300, Input::Refuse(item, Reason::Declined)),
                2 => {
                    self.answers(side, 100, Input::Held(item));
                    self.at(3_000, Happening::Answers(side, Input::Collected(item)));
                }
                _ => self.answers(side, 50, Input::Kept(item)),
            },
            Event::Offered(offer) if self.one_in(12) => {
                self.answers(side, 500, Input::Refuse(offer.item, Reason::Declined));
            }
            Event::Offered(offer) => {
                self.answers(side, 500, Input::Accept(offer.item, FILE_CREDIT))
            }
            Event::Accepted(item) => self.streams(side, item),
            Event::PartWanted(item) => {
                let source = self.parties[side].sources.get_mut(&item).unwrap();
                let total = source.total;
                if let Some(part) = source.parts.pop_front() {
                    self.answers(side, 20, Input::Part(item, part));
                } else if let Some(total) = total {
                    self.answers(side, 20, Input::Total(item, total));
                }
            }
            Event::AllRead(item) => {
                self.answers(side, 200, Input::Checked(item, Differences::default()));
            }
            Event::Register(part) => self.registers(side, &part),
            Event::Prove(item, segments) => {
                // Some differ. The answer may come in two pieces.
                let hashes: Vec<_> =
                    segments.iter().map(|_| [u8::from(!self.one_in(3)); 32]).collect();
                let (first, rest) = hashes.split_at(self.below(hashes.len() as u64) as usize);
                for hashes in [first, rest] {
                    self.at(3, Happening::Answers(side, Input::Proof(item, hashes.to_vec())));
                }
            }
            Event::Proof { transfer, proofs, last } => {
                let equal = proofs.into_iter().filter(|(_, hash)| *hash == [1; 32]);
                let equal = equal.map(|(range, _)| range).collect();
                self.at(3, Happening::Answers(side, Input::Proved(transfer, equal)));
                if last {
                    self.at(3, Happening::Answers(side, Input::Registered(transfer)));
                }
            }
            Event::Whole(item, _) => {
                self.answers(side, 2_000, Input::Committed(item, Differences::default()));
            }
            Event::Gap { transfer, range, .. } => {
                self.answers(side, 20, Input::Passed(transfer, range));
            }
            Event::Delivered(item, _) | Event::Failed(item, _) => {
                self.parties[side].sources.remove(&item);
            }
            Event::Link(LinkNews::Stalled) => self.parties[side].told.push("stalled"),
            Event::Link(LinkNews::Flowing) => self.parties[side].told.push("flowing"),
            Event::Link(LinkNews::Reconnecting) => self.parties[side].told.push("reconnecting"),
            Event::Link(LinkNews::Reconnected(_)) => self.parties[side].told.push("reconnected"),
            Event::Link(LinkNews::Tampered(_)) => self.parties[side].told.push("tampered"),
            Event::Over(outcome) => self.parties[side].over = Some(outcome),
            _ => {}
        }
    }
}
