# AWS's C libraries for signatures and credentials. Debian has none: unless they are installed, they are built once into
# build/third_party from the source package of the Python package index, for all presets.
find_package(aws-c-auth QUIET)
if(NOT aws-c-auth_FOUND)
  set(prefix ${CMAKE_SOURCE_DIR}/build/third_party/aws)
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/get_aws_libs ${prefix} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "the AWS C libraries cannot be built; see above")
  endif()
  list(PREPEND CMAKE_PREFIX_PATH ${prefix})
  find_package(aws-c-auth REQUIRED)
endif()
find_package(aws-checksums REQUIRED)
