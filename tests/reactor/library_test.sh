#!/bin/bash
# The reactor as an installed library: into a prefix of its own, then used as a stranger would, with nothing but
# pkg-config. Headers compile alone, libraries show the public names and no other, the examples build and do what they
# say, end cleanly on Ctrl-C, and leave neither memory nor descriptors behind.
set -eu
build=$(cd "$(dirname "$1")" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { cat "$folder"/valgrind.* 2>/dev/null || true; echo "FAILED: $*"; exit 1; }

cmake --install "$build" --prefix "$folder/first" --component reactor > "$folder/install" 2>&1 ||
    { cat "$folder/install"; fail "cmake --install (is everything built?)"; }
mv "$folder/first" "$folder/prefix" # whoever packages it moves it: reactor.pc must bear that
library=$(dirname "$(find "$folder/prefix" -name libreactor.a)")
include=$folder/prefix/include
export PKG_CONFIG_PATH=$library/pkgconfig LD_LIBRARY_PATH=$library
sanitize=$(sed -n 's/^PEERLAB_SANITIZE:[A-Z]*=//p' "$build/CMakeCache.txt")
sanitize=${sanitize:+-fsanitize=$sanitize}
CC=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
export CC
cd "$folder" # nothing of the source tree is found by chance

# ---- Headers ----

headers=$(cd "$include" && find reactor -name '*.h' | sort)
marked=$(cd "$source" && grep -l '^REACTOR_API_BEGIN' reactor/*.h reactor/base/*.h | sort)
[ "$(echo "$headers" | grep -v '^reactor/api.h$')" = "$marked" ] ||
    fail "installed and marked by REACTOR_API_BEGIN differ: $(diff <(echo "$headers" | grep -v api.h) <(echo "$marked"))"

compile_headers() { # LANGUAGE COMPILER FLAG...
    command -v "$2" > /dev/null || { echo "no $2: headers not tried with it"; return 0; }
    local language=$1 header
    shift
    for header in $headers; do
        echo "#include <$header>
              extern int used; int used;" |
            "$@" -Wall -Wextra -Wpedantic -Wconversion -Werror -x "$language" -I"$include" -fsyntax-only - ||
            fail "$header with $*"
    done
    echo "$(echo "$headers" | wc -l) headers, each alone: $*"
}
compile_headers c gcc -std=c11 -Wshadow
compile_headers c clang -std=c11 -Wshadow
compile_headers c++ g++ -std=c++11
compile_headers c++ g++ -std=c++20
compile_headers c++ clang++ -std=c++11

# ---- Names ----

# What headers declare (read by the compiler) is what the libraries define, no less and no more.
for header in $headers; do echo "#include <$header>"; done > all.c
if "$CC" -std=gnu11 -I"$include" -aux-info declared.txt -fsyntax-only all.c 2> /dev/null; then
    data='reactor_clocks|reactor_demultiplexers'
    { grep -F "$include/" declared.txt | grep ' extern ' | sed -E 's/ \(.*//; s/.*[ *]//'; tr '|' '\n' <<< "$data"; } |
        sort -u > declared
    nm -D --defined-only "$library/libreactor.so" | awk '{print $3}' | grep -v '^__odr_asan' | sort > shown
    nm -g --defined-only "$library/libreactor.a" | awk 'NF == 3 {print $3}' | grep -v '^__odr_asan' | sort > defined
    for names in shown defined; do
        diff declared $names > difference || { cat difference; fail "< declared by headers, > $names by the library"; }
    done
    echo "$(wc -l < declared) names declared, shown by libreactor.so, defined by libreactor.a"
else
    echo "no -aux-info in $CC: names not compared"
fi
soname=$(objdump -p "$library/libreactor.so" | awk '$1 == "SONAME" {print $2}')
version=$(pkg-config --modversion reactor)
[ "$soname" = "libreactor.so.${version%.*}" ] || fail "soname $soname, version $version"
[ "$(readlink -f "$library/$soname")" = "$library/libreactor.so.$version" ] || fail "$soname leads elsewhere"

# A program that uses nothing but C++ and the library, and names that are the library's own inside.
if command -v g++ > /dev/null; then
    cat > loop.cpp << 'PROGRAM'
#include <reactor/loop.h>
extern "C" int stream_init, queue_push, loop_attach;
int stream_init, queue_push, loop_attach;
int main()
{
    reactor_loop *loop;
    if (reactor_loop_create(&loop, nullptr) < 0)
        return 1;
    int result = reactor_loop_run(loop, UINT64_MAX);
    reactor_loop_free(loop);
    return result == REACTOR_IDLE ? 0 : 1;
}
PROGRAM
    g++ -std=c++11 $sanitize $(pkg-config --cflags reactor) -o loop_cpp loop.cpp \
        -Wl,-Bstatic $(pkg-config --static --libs reactor) -Wl,-Bdynamic
    ./loop_cpp || fail "a loop in C++"
fi

# A broken promise of the caller's: told with its place, and a core for the program's own debugger.
cat > twice.c << 'PROGRAM'
#include <reactor/handler.h>
#include <unistd.h>
int main(void)
{
    static const struct reactor_handler_ops ops = {.name = "twice"};
    struct reactor_loop *loop;
    int ends[2];
    if (pipe(ends) < 0 || reactor_loop_create(&loop, NULL) < 0)
        return 1;
    struct reactor_handler handler = {.ops = &ops, .descriptor = ends[0]};
    int first = reactor_handler_attach(&handler, loop, REACTOR_READ);
    return first < 0 ? 1 : reactor_handler_attach(&handler, loop, REACTOR_READ);
}
PROGRAM
"$CC" -std=gnu11 $sanitize $(pkg-config --cflags reactor) -o twice twice.c $(pkg-config --libs reactor)
status=0
{ (ulimit -c 0; exec ./twice) > twice.log 2>&1 || status=$?; } 2> /dev/null # bash would tell "Aborted"
[ "$status" = 134 ] || { cat twice.log; fail "attached twice: ended with $status, not by SIGABRT"; }
grep -qE '^libreactor: reactor/handler\.c:[0-9]+: reactor_handler_attach: assertion failed' twice.log ||
    { cat twice.log; fail "the assertion's place"; }

# ---- Examples ----

cp -r "$source/reactor/examples" examples
make_examples() { # WHERE MAKE_ARGUMENT...
    cp -r examples "$1"
    make -C "$@" --no-print-directory -s CFLAGS="-O1 -g -Wall -Wextra -Wshadow -Wconversion -Werror $sanitize" > make.log 2>&1 ||
        { cat make.log; fail "make in $1"; }
}
MAKEFLAGS= make_examples shared
MAKEFLAGS= make_examples static STATIC=1
cmake -S examples -B cmake -DCMAKE_C_FLAGS="$sanitize" > cmake.log && cmake --build cmake >> cmake.log 2>&1 ||
    { cat cmake.log; fail "examples by CMake"; }
ldd shared/echo_server | grep -q "$library/$soname" || fail "shared/echo_server does not use $soname"
ldd static/echo_server | grep -qE 'libreactor|liburing' && fail "static/echo_server uses a shared library of it"

start() { # LOG COMMAND...: in the background, until it has told its port
    local log=$1 i
    shift
    : > "$log"
    "$@" >> "$log" 2>&1 &
    server=$!
    for ((i = 0; i < 1200; i++)); do # a minute at the least, on a busy machine under Valgrind
        port=$(sed -nE 's/.*(127\.0\.0\.1:| port )([0-9]+).*/\2/p' "$log")
        [ -z "$port" ] || return 0
        kill -0 "$server" 2> /dev/null || break
        sleep 0.05
    done
    cat "$log"
    fail "does not start: $*"
}
stop() { # LOG: Ctrl-C; it must end well
    local status=0
    kill -INT "$server"
    wait "$server" || status=$?
    server=
    [ $status = 0 ] || { cat "$1"; fail "ended with $status"; }
}
descriptors() { find "/proc/$server/fd" -mindepth 1 | wc -l; }

# Connections that are told apart by what they say; each must get back what it sent, to the last byte, after half-closing.
echo_clients() { # CONNECTIONS BYTES
    python3 - "$port" "$1" "$2" << 'CLIENT'
import socket, sys, threading
port, connections, length = map(int, sys.argv[1:])
wrong = []
def talk(number):
    said = (b"%d:" % number) * (length // 4)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        def send():
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        heard = b""
        while chunk := connection.recv(65536):
            heard += chunk
        sender.join()
    if heard != said:
        wrong.append(f"connection {number}: {len(heard)} bytes of {len(said)} or others")
threads = [threading.Thread(target=talk, args=(n,)) for n in range(1000, 1000 + connections)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("\n".join(wrong) or 0)
CLIENT
}
settled() { # DESCRIPTORS: so many are open again, as soon as the ends have arrived
    local i
    for ((i = 0; i < 1200; i++)); do
        [ "$(descriptors)" -le "$1" ] && return 0
        sleep 0.05
    done
    ls -l "/proc/$server/fd"
    fail "$(descriptors) descriptors open, $1 before"
}
echo_server() { # CONNECTIONS BYTES COMMAND...
    local connections=$1 bytes=$2 before
    shift 2
    start server.log "$@"
    before=$(descriptors)
    echo_clients "$connections" "$bytes" || fail "echoes of $*"
    settled "$before"
    exec 9<> "/dev/tcp/127.0.0.1/$port" # left open: the server's end must end it
    echo hello >&9
    read -r -t 60 -u 9 line && [ "$line" = hello ] || fail "hello"
    stop server.log
    exec 9>&-
    grep -q "^$((connections + 1)) connections" server.log || { cat server.log; fail "connections counted"; }
    echo "echo_server: $(tail -n 1 server.log) ($*)"
}
ping() { # COMMAND...
    start answer.log "$@" --answer 0
    "$@" "$port" --count 20 --interval-ms 2 --wait-ms 60000 > ping.log 2>&1 || { cat ping.log; fail "$*"; }
    stop answer.log
    grep -q '^20 pings answered' answer.log || { cat answer.log; fail "pings answered"; }
    grep '^20 sent, 20 answered' ping.log || { cat ping.log; fail "pings"; }
}

command -v python3 > /dev/null || { echo "skipped: no python3 to be the client"; exit 77; }
echo_server 20 400000 shared/echo_server --threads 2
echo_server 20 400000 static/echo_server --demultiplexer auto
echo_server 5 4000 cmake/echo_server --demultiplexer poll
ping shared/udp_ping
ping static/udp_ping
shared/udp_ping "$(python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')" \
    --count 1 > ping.log 2>&1 && fail "a ping to nobody succeeds"
grep -q 'Connection refused' ping.log || { cat ping.log; fail "a ping to nobody is not told"; }
shared/echo_server --demultiplexer kqueue > server.log 2>&1 && fail "an unknown demultiplexer serves"
grep -q kqueue server.log || { cat server.log; fail "the unknown demultiplexer is not named"; }

# ---- Valgrind ----

if [ -n "$sanitize" ]; then
    echo "no Valgrind: the build has $sanitize"
elif ! command -v valgrind > /dev/null; then
    echo "no Valgrind: it is not installed (package valgrind)"
else
    checked="valgrind -q --leak-check=full --show-leak-kinds=all --track-fds=yes --error-exitcode=99"
    checked="$checked --log-file=$folder/valgrind.%p"
    echo_server 3 40000 $checked shared/echo_server --threads 2
    ping $checked shared/udp_ping
    # A descriptor that the program itself has opened is shown with where it did that.
    if grep -hE -A 2 'Open (AF_|file)' valgrind.* | grep -E ' (at|by) 0x'; then
        fail "descriptors left open"
    fi
    if grep -hE 'lost|reachable' valgrind.*; then
        fail "memory left"
    fi
    echo "Valgrind: nothing left, no error"
fi
