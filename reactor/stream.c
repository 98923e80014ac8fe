#include "reactor/stream.h"
