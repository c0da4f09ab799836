# SPDX-License-Identifier: GPL-3.0-or-later
"""An app user who calls and is called by the API, with a libnice agent in place of a browser's connection."""
from .inbox import wait_for


def connect(*sides):
    """Until the agents of both sides (AppAgent, JingleAgent) have a way and hear each other; the ways."""
    agents = [side.agent for side in sides]

    def connected():
        for side in sides:
            if isinstance(side, AppAgent):
                side.trickle()
        return all(agent.is_connected() for agent in agents)
    wait_for("a way", connected)
    ways = [agent.connected() for agent in agents]
    agents[0].hears(agents[1])
    agents[1].hears(agents[0])
    return ways


class AppAgent:
    """`AppAgent(user)` has a socket; give each call an IcePeer of its own. Candidates trickle, as a browser's do."""

    def __init__(self, user):
        self.user, self.socket, self.call_id, self.agent = user, user.ws(), None, None

    def ring(self, conversation):
        call = self.socket.command("call.initiate", conversation_id=conversation["id"], call_type="audio")
        self.call_id = call["id"]
        return call

    def take(self):
        """Waits for a call, and accepts it."""
        self.call_id = self.socket.expect("call.ringing")["payload"]["call_id"]
        return self.socket.command("call.accept", call_id=self.call_id)

    def offer(self, agent):
        """To whoever has answered."""
        self.agent = agent
        self.socket.expect("call.answered", call_id=self.call_id)
        self._describe("offer", "actpass")

    def answered(self):
        """Waits for the answer to the offer."""
        self._hear(self.socket.expect("call.signal", call_id=self.call_id, type="answer"))

    def answer(self, agent):
        self.agent = agent
        self._hear(self.socket.expect("call.signal", call_id=self.call_id, type="offer"))
        self._describe("answer", "active")

    def _describe(self, type, setup):
        lines = self.agent.sdp().replace("a=setup:actpass", f"a=setup:{setup}").split("\r\n")
        own = [line for line in lines if not line.startswith("a=candidate:")]
        self.socket.command("call.signal", call_id=self.call_id, type=type, data={"type": type, "sdp": "\r\n".join(own)})
        for candidate in self.agent.candidates:
            self.socket.command("call.signal", call_id=self.call_id, type="ice_candidate", data={
                "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": self.agent.ufrag})

    def _hear(self, frame):
        """A description, then candidates as long as there is no way."""
        values = {}
        candidates = []
        for line in frame["payload"]["data"]["sdp"].splitlines():
            name, _, value = line.removeprefix("a=").partition(":")
            values.setdefault(name, value)
            if name == "candidate":
                candidates.append(line.removeprefix("a="))
        self.agent.meet(values["ice-ufrag"], values["ice-pwd"], candidates)

    def trickle(self):
        """Hands over the candidates that have come since."""
        for frame in self.socket.frames("call.signal"):
            data = frame["payload"]["data"]
            if frame["payload"]["type"] == "ice_candidate" and data["candidate"] and data["candidate"] not in self.agent.told:
                self.agent.told.add(data["candidate"])
                self.agent.tell(f"candidate {data['candidate']}")

    def close(self):
        self.socket.close()
