#pragma once

/// Marks what libpolymetis.so exports; everything else is hidden.
#define POLYMETIS_API [[gnu::visibility("default")]]
