# cmake -DSOURCE=... -DOUTPUT=... -DWITH=... -P sources.cmake: writes sources.c, which names by one hash what peerlab is
# built from: its sources and WITH (how they are compiled). `peerlab bench` and the benches are linked with it.
file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/reactor/*.[ch] ${SOURCE}/topologies/*.[ch] ${SOURCE}/traces/*.[ch]
     ${SOURCE}/traces/*.sql ${SOURCE}/sim/*.[ch])
list(SORT files)
set(all "${WITH}")
foreach(file ${files})
  file(SHA256 ${SOURCE}/${file} hash)
  string(APPEND all "\n${file} ${hash}")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 32 hash)
file(WRITE ${OUTPUT} "#include \"sim/commands/sources.h\"\n\n"
     "const char peerlab_sources[] __attribute__((used)) = PEERLAB_SOURCES_MARK \"${hash}\";\n")
