# Flags that hold for every target. `cairn_options` is linked by each room and each test.
find_package(Threads REQUIRED)

add_library(cairn_options INTERFACE)
target_include_directories(cairn_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(cairn_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion -Wno-missing-field-initializers -Werror -ffp-contract=off -fno-fast-math
  -fstack-protector-strong -fvisibility=hidden)
target_link_libraries(cairn_options INTERFACE Threads::Threads)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # libstdc++ 12 itself calls the deprecated std::get_temporary_buffer in its sorts.
  target_compile_options(cairn_options INTERFACE -Wthread-safety -Wno-deprecated-declarations)
else()
  target_compile_options(cairn_options INTERFACE -Wno-interference-size)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CAIRN_SANITIZE)
  target_compile_definitions(cairn_options INTERFACE _FORTIFY_SOURCE=2)
endif()
target_link_options(cairn_options INTERFACE -Wl,-z,relro,-z,now)
if(CAIRN_SANITIZE)
  target_compile_options(cairn_options INTERFACE -fsanitize=${CAIRN_SANITIZE} -fno-omit-frame-pointer -g1)
  target_link_options(cairn_options INTERFACE -fsanitize=${CAIRN_SANITIZE})
  if(CAIRN_SANITIZE MATCHES undefined)
    target_compile_options(cairn_options INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()

find_program(CAIRN_CCACHE ccache)
if(CAIRN_CCACHE)
  # The sloppiness is what ccache asks for before it remembers files that use precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CAIRN_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
find_program(CAIRN_MOLD mold)
if(CAIRN_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
