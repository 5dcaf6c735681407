import Foundation

/// A machine beside ours, made of namespaces: its network can be cut.
struct OtherHost: Sendable {
    private let name: String
    private let link: String
    private let subnet: String
    private static let ip = Command.find("/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip")
    private static let unshare = Command.find("/usr/bin/unshare", "/bin/unshare")

    /// Why there can be none here; nil if there can.
    static let obstacle: String? =
        geteuid() != 0
        ? "only root can make namespaces"
        : ip == nil ? "there is no ip (iproute2)" : unshare == nil ? "there is no unshare (util-linux)" : nil

    /// Makes a machine with a network cable to this one.
    init() throws {
        let number = Int.random(in: 0...0xFFFF)
        name = "octavo-\(number)"
        link = "octavo\(number)"
        subnet = "10.\(200 + number >> 14).\(number >> 6 & 0xFF)"
        try run("netns", "add", name)
        try run("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        try run("addr", "add", "\(ourAddress)/24", "dev", link)
        try run("-n", name, "addr", "add", "\(subnet).2/24", "dev", "eth0")
        try run("link", "set", link, "up")
        try run("-n", name, "link", "set", "eth0", "up")
    }

    /// Where this machine is, as seen from there.
    var ourAddress: String { "\(subnet).1" }

    /// With what a program is run there.
    var prefix: [String] { [Self.ip ?? "ip", "netns", "exec", name] + Self.otherName }

    /// With what a program is run on a machine of another name, on our network: what dies there is not seen here.
    static var otherName: [String] {
        let script = "echo octavo-$$ > /proc/sys/kernel/hostname; exec \"$@\""
        return [unshare ?? "unshare", "--uts", "/bin/sh", "-c", script, "sh"]
    }

    /// Pulls the cable.
    func cut() throws { try run("link", "set", link, "down") }

    /// Plugs it in again.
    func heal() throws { try run("link", "set", link, "up") }

    /// Removes the machine.
    func remove() { try? run("netns", "delete", name) }

    private func run(_ arguments: String...) throws { try Command.run([Self.ip ?? "ip"] + arguments) }
}
