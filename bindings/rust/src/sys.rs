// SPDX-License-Identifier: LGPL-2.1-or-later
//! What is used of zcrx-client.h, which has the documentation. By hand, so that no bindgen is needed; tests/abi.rs has
//! a C compiler compare each line with the header.
#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_int, c_uint, c_void};

/// Objects of the library, of which only pointers are known here.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque!(zcrx_client zcrx_lease zcrx_pool zcrx_queue zcrx_stream);

pub type zcrx_counter = c_uint;
pub type zcrx_next = c_uint;
pub type zcrx_event_kind = c_uint;

pub const ZCRX_EVENT_DATA: zcrx_event_kind = 1;
pub const ZCRX_EVENT_EOF: zcrx_event_kind = 2;
pub const ZCRX_EVENT_ERROR: zcrx_event_kind = 3;
pub const ZCRX_EVENT_LEASE_GONE: zcrx_event_kind = 4;
pub const ZCRX_EVENT_STOPPED: zcrx_event_kind = 6;
pub const ZCRX_EVENT_LEASE_ENDING: zcrx_event_kind = 8;

pub const ZCRX_NEXT_ARM: zcrx_next = 1;
pub const ZCRX_NEXT_FLUSH: zcrx_next = 2;
pub const ZCRX_NEXT_WAIT: zcrx_next = 3;
pub const ZCRX_NEXT_END: zcrx_next = 4;

pub const ZCRX_COUNTER_STARVED_NIC: zcrx_counter = 1;
pub const ZCRX_COUNTER_STARVED_COPY: zcrx_counter = 2;
pub const ZCRX_COUNTER_COMPLETIONS_FULL: zcrx_counter = 3;
pub const ZCRX_COUNTER_REFILL_FULL: zcrx_counter = 4;
pub const ZCRX_COUNTER_COPIED: zcrx_counter = 6;

#[repr(C)]
pub struct zcrx_event {
    pub r#type: zcrx_event_kind,
    pub error: c_int,
    pub stream: *mut zcrx_stream,
    pub userdata: *mut c_void,
    pub data: *mut c_void,
    pub length: usize,
    pub message: *const c_char,
    pub user_data: u64,
    pub result: i32,
    pub flags: u32,
    pub offset: u64,
    pub area_offset: u64,
    pub deadline_usec: u64,
}

#[repr(C)]
pub struct zcrx_span {
    pub data: *mut c_void,
    pub length: usize,
    pub offset: u64,
}

unsafe extern "C" {
    pub fn zcrx_client_new(ret: *mut *mut zcrx_client) -> c_int;
    pub fn zcrx_client_ref(client: *mut zcrx_client) -> *mut zcrx_client;
    pub fn zcrx_client_unref(client: *mut zcrx_client) -> *mut zcrx_client;
    pub fn zcrx_client_connect(client: *mut zcrx_client, path: *const c_char) -> c_int;
    pub fn zcrx_client_set_timeout(client: *mut zcrx_client, usec: u64) -> c_int;
    pub fn zcrx_client_error(client: *mut zcrx_client) -> *const c_char;
    pub fn zcrx_client_error_id(client: *mut zcrx_client) -> *const c_char;

    pub fn zcrx_lease_new(client: *mut zcrx_client, ret: *mut *mut zcrx_lease) -> c_int;
    pub fn zcrx_lease_unref(lease: *mut zcrx_lease) -> *mut zcrx_lease;
    pub fn zcrx_lease_set_interface(lease: *mut zcrx_lease, interface: *const c_char) -> c_int;
    pub fn zcrx_lease_set_queues(lease: *mut zcrx_lease, queues: c_uint) -> c_int;
    pub fn zcrx_lease_set_name(lease: *mut zcrx_lease, name: *const c_char) -> c_int;
    pub fn zcrx_lease_set_time_to_live(lease: *mut zcrx_lease, usec: u64) -> c_int;
    pub fn zcrx_lease_set_backends(lease: *mut zcrx_lease, backends: *const c_char) -> c_int;
    pub fn zcrx_lease_set_hardware_queue(lease: *mut zcrx_lease, queue: c_uint) -> c_int;
    pub fn zcrx_lease_acquire(lease: *mut zcrx_lease) -> c_int;
    pub fn zcrx_lease_inherit(lease: *mut zcrx_lease) -> c_int;
    pub fn zcrx_lease_open(lease: *mut zcrx_lease, id: *const c_char) -> c_int;
    pub fn zcrx_lease_attach(lease: *mut zcrx_lease, id: *const c_char, handle: c_int) -> c_int;
    pub fn zcrx_lease_get_id(lease: *mut zcrx_lease) -> *const c_char;
    pub fn zcrx_lease_get_interface(lease: *mut zcrx_lease) -> *const c_char;
    pub fn zcrx_lease_get_backend(lease: *mut zcrx_lease) -> *const c_char;
    pub fn zcrx_lease_get_queues(lease: *mut zcrx_lease) -> c_uint;
    pub fn zcrx_lease_get_area_size(lease: *mut zcrx_lease) -> usize;
    pub fn zcrx_lease_get_recommended_area_size(lease: *mut zcrx_lease) -> usize;
    pub fn zcrx_lease_get_hardware_queue(lease: *mut zcrx_lease, index: c_uint) -> c_int;
    pub fn zcrx_lease_get_fd(lease: *mut zcrx_lease) -> c_int;
    pub fn zcrx_lease_has_ended(lease: *mut zcrx_lease) -> c_int;
    pub fn zcrx_lease_get_end_reason(lease: *mut zcrx_lease, ret_reason: *mut *const c_char) -> c_int;
    pub fn zcrx_lease_get_ending(lease: *mut zcrx_lease, ret_deadline_usec: *mut u64) -> c_int;
    pub fn zcrx_lease_steer_socket(lease: *mut zcrx_lease, socket: c_int) -> c_int;
    pub fn zcrx_lease_find_queue(lease: *mut zcrx_lease, socket: c_int) -> c_int;
    pub fn zcrx_lease_refresh_napi_ids(lease: *mut zcrx_lease) -> c_int;
    pub fn zcrx_lease_get_flow_id(lease: *mut zcrx_lease, index: c_uint) -> *const c_char;
    pub fn zcrx_lease_remove_flow(lease: *mut zcrx_lease, flow_id: *const c_char) -> c_int;
    pub fn zcrx_lease_get_taken(lease: *mut zcrx_lease, index: c_uint) -> *const c_char;
    pub fn zcrx_lease_get_left_out(lease: *mut zcrx_lease, index: c_uint) -> *const c_char;
    pub fn zcrx_lease_renew(lease: *mut zcrx_lease, usec: u64) -> c_int;
    pub fn zcrx_lease_release(lease: *mut zcrx_lease) -> c_int;

    pub fn zcrx_queue_new(lease: *mut zcrx_lease, index: c_uint, ret: *mut *mut zcrx_queue) -> c_int;
    pub fn zcrx_queue_ref(queue: *mut zcrx_queue) -> *mut zcrx_queue;
    pub fn zcrx_queue_unref(queue: *mut zcrx_queue) -> *mut zcrx_queue;
    pub fn zcrx_queue_set_area_size(queue: *mut zcrx_queue, bytes: usize) -> c_int;
    pub fn zcrx_queue_set_buffer_length(queue: *mut zcrx_queue, bytes: usize) -> c_int;
    pub fn zcrx_queue_set_huge_pages(queue: *mut zcrx_queue, huge: c_int) -> c_int;
    pub fn zcrx_queue_set_completions(queue: *mut zcrx_queue, entries: c_uint) -> c_int;
    pub fn zcrx_queue_set_numa_node(queue: *mut zcrx_queue, node: c_int) -> c_int;
    pub fn zcrx_queue_set_join(queue: *mut zcrx_queue, join: c_int) -> c_int;
    pub fn zcrx_queue_register(queue: *mut zcrx_queue) -> c_int;
    pub fn zcrx_queue_tune(
        queue: *mut zcrx_queue,
        defer_hard_irqs: i64,
        gro_flush_timeout: i64,
        irq_suspend_timeout: i64,
    ) -> c_int;
    pub fn zcrx_queue_set_irq_affinity(queue: *mut zcrx_queue, cpus: *const c_char) -> c_int;
    pub fn zcrx_queue_steer_socket(queue: *mut zcrx_queue, socket: c_int) -> c_int;
    pub fn zcrx_queue_receive(
        queue: *mut zcrx_queue,
        socket: c_int,
        userdata: *mut c_void,
        ret: *mut *mut zcrx_stream,
    ) -> c_int;
    pub fn zcrx_queue_receive_bounded(
        queue: *mut zcrx_queue,
        socket: c_int,
        bytes: u64,
        userdata: *mut c_void,
        ret: *mut *mut zcrx_stream,
    ) -> c_int;
    pub fn zcrx_queue_wait(queue: *mut zcrx_queue, timeout: c_int, ret: *mut *const zcrx_event) -> c_int;
    pub fn zcrx_queue_return(queue: *mut zcrx_queue, data: *const c_void) -> c_int;
    pub fn zcrx_queue_get_fd(queue: *mut zcrx_queue) -> c_int;
    pub fn zcrx_queue_get_received(queue: *mut zcrx_queue) -> u64;
    pub fn zcrx_queue_get_counter(queue: *mut zcrx_queue, counter: zcrx_counter, ret: *mut u64) -> c_int;
    pub fn zcrx_queue_get_napi_id(queue: *mut zcrx_queue) -> c_uint;
    pub fn zcrx_queue_get_buffer_length(queue: *mut zcrx_queue) -> usize;
    pub fn zcrx_queue_get_buffers(queue: *mut zcrx_queue) -> c_uint;

    pub fn zcrx_stream_pause(stream: *mut zcrx_stream) -> c_int;
    pub fn zcrx_stream_resume(stream: *mut zcrx_stream) -> c_int;
    pub fn zcrx_stream_set_limit(stream: *mut zcrx_stream, buffers: c_uint) -> c_int;
    pub fn zcrx_stream_stop(stream: *mut zcrx_stream) -> c_int;
    pub fn zcrx_stream_continue(stream: *mut zcrx_stream, bytes: u64) -> c_int;
    pub fn zcrx_stream_free(stream: *mut zcrx_stream) -> *mut zcrx_stream;
    pub fn zcrx_stream_get_socket(stream: *mut zcrx_stream) -> c_int;

    pub fn zcrx_pool_new(lease: *mut zcrx_lease, index: c_uint, ret: *mut *mut zcrx_pool) -> c_int;
    pub fn zcrx_pool_unref(pool: *mut zcrx_pool) -> *mut zcrx_pool;
    pub fn zcrx_pool_set_area_size(pool: *mut zcrx_pool, bytes: usize) -> c_int;
    pub fn zcrx_pool_set_buffer_length(pool: *mut zcrx_pool, bytes: usize) -> c_int;
    pub fn zcrx_pool_set_huge_pages(pool: *mut zcrx_pool, huge: c_int) -> c_int;
    pub fn zcrx_pool_set_numa_node(pool: *mut zcrx_pool, node: c_int) -> c_int;
    pub fn zcrx_pool_get_ring_flags() -> c_uint;
    pub fn zcrx_pool_register(pool: *mut zcrx_pool, ring_fd: c_int) -> c_int;
    pub fn zcrx_pool_get_id(pool: *mut zcrx_pool) -> u32;
    pub fn zcrx_pool_take(pool: *mut zcrx_pool, cqe: *const c_void, ret: *mut zcrx_span) -> c_int;
    pub fn zcrx_pool_return(pool: *mut zcrx_pool, data: *const c_void) -> c_int;
    pub fn zcrx_pool_next(pool: *mut zcrx_pool, result: c_int) -> zcrx_next;
    pub fn zcrx_pool_flush(pool: *mut zcrx_pool) -> c_int;
    pub fn zcrx_pool_nudge(socket: c_int) -> c_int;
    pub fn zcrx_pool_steer_socket(pool: *mut zcrx_pool, socket: c_int) -> c_int;
    pub fn zcrx_pool_get_counter(pool: *mut zcrx_pool, counter: zcrx_counter, ret: *mut u64) -> c_int;
    pub fn zcrx_pool_get_napi_id(pool: *mut zcrx_pool) -> c_uint;
    pub fn zcrx_pool_get_buffer_length(pool: *mut zcrx_pool) -> usize;
    pub fn zcrx_pool_get_buffers(pool: *mut zcrx_pool) -> c_uint;
}
