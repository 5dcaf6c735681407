import Foundation
import Synchronization

extension TCPProxy {
    /// One connection through the proxy, with a thread that carries bytes both ways.
    final class Link: Sendable {
        /// Whether nothing passes any more.
        let isSilenced = Atomic(false)
        /// Whether to hang up.
        let isEnded = Atomic(false)
        private let client: Int32
        private let server: Int32
        private unowned let proxy: TCPProxy

        init(client: Int32, server: Int32, proxy: TCPProxy) {
            self.client = client
            self.server = server
            self.proxy = proxy
        }

        /// What is left to let pass before something is lost.
        fileprivate enum Doom {
            case none
            /// The next reply is lost.
            case reply
            /// After so many bytes to the server the connection is reset.
            case bytes(Int)
        }

        /// Carries bytes until either side hangs up or the weather breaks the connection.
        func run() {
            var doom = Doom.none
            while !isEnded.load(ordering: .relaxed) {
                if isSilenced.load(ordering: .relaxed) || proxy.weather == .silent {
                    usleep(10_000)
                    continue
                }
                var sockets = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&sockets, 2, 50) > 0 else { continue }
                if sockets[1].revents != 0 {
                    guard let reply = receive(from: server) else { break }
                    if case .reply = doom { return breakOff() }
                    guard send(reply, to: client) else { break }
                }
                if sockets[0].revents != 0 {
                    guard let request = receive(from: client) else { break }
                    doom = proxy.doom(of: request, after: doom)
                    guard send(request, to: server) else { break }
                    if case .bytes(...0) = doom { return breakOff() }
                }
            }
            Foundation.close(client)
            Foundation.close(server)
        }

        /// Resets both connections, as a machine that has lost its memory of them does.
        private func breakOff() {
            proxy.state.withLock { $0.losses += 1 }
            var abruptly = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &abruptly, socklen_t(MemoryLayout<linger>.size))
            Foundation.close(client)
            Foundation.close(server)
        }

        private func receive(from descriptor: Int32) -> [UInt8]? {
            let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                count = max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
            }
            return bytes.isEmpty ? nil : bytes
        }

        private func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
            var start = 0
            while start < bytes.count {
                let count = bytes[start...].withUnsafeBytes {
                    Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                start += count
            }
            return true
        }
    }

    fileprivate var weather: Weather { state.withLock { $0.weather } }

    /// What becomes of a connection over which `request` is sent.
    fileprivate func doom(of request: [UInt8], after doom: Link.Doom) -> Link.Doom {
        state.withLock { state in
            switch (state.weather, doom) {
            case (.losesReplies(let text, let rate), .none) where request.contains(text.utf8):
                state.matches += 1
                return state.matches.isMultiple(of: rate) ? .reply : .none
            case (.resets(let text, let bytes), .none) where request.contains(text.utf8):
                return .bytes(bytes)
            case (_, .bytes(let left)): return .bytes(left - request.count)
            default: return doom
            }
        }
    }
}
