// The arm64 half of probe.S: takes an exception, turns the MMU on, touches memory, reads the timer, and
// powers off by PSCI. A run that goes wrong sleeps for ever, so that only the deadline ends it.
//
// probe_image.ts holds the bytes. After a change:
//   aarch64-linux-gnu-as probe_arm64.S -o probe.o && aarch64-linux-gnu-ld -N -Ttext 0x40200000 \
//     -e entry --build-id=none probe.o -o probe.elf && aarch64-linux-gnu-strip probe.elf && \
//     gzip -9nc probe.elf | base64

.text
.globl entry
entry:  adr x0, vectors
        msr vbar_el1, x0
        isb
        mov x20, #0
        svc #0                  // the vector counts it
        cmp x20, #1
        b.ne fail
        // Identity map: four blocks of 1 GiB; the first is devices, the others are memory.
        ldr x1, =0x40400000
        mov x2, #0x401          // device-nGnRnE (attribute 0), access flag, block
        str x2, [x1]
        mov x3, #3
        ldr x2, =0x40000705     // normal (attribute 1), inner shareable
        mov x4, #0x40000000
1:      str x2, [x1, #8]!
        add x2, x2, x4
        subs x3, x3, #1
        b.ne 1b
        ldr x1, =0x40400000
        msr ttbr0_el1, x1
        mov x2, #0xff00
        msr mair_el1, x2
        ldr x2, =0x200803520    // 4 KiB, 32 bits in, 40 bits out, TTBR1 off
        msr tcr_el1, x2
        tlbi vmalle1
        dsb sy
        isb
        mrs x2, sctlr_el1
        mov x3, #0x1005         // MMU, data and instruction caches
        orr x2, x2, x3
        msr sctlr_el1, x2
        isb
        // Fresh memory: 512 pages.
        ldr x1, =0x40800000
        mov x3, #512
2:      str x1, [x1]
        ldr x2, [x1]
        cmp x1, x2
        b.ne fail
        add x1, x1, #0x1000
        subs x3, x3, #1
        b.ne 2b
        // The counter runs.
        mrs x2, midr_el1
        mrs x2, cntfrq_el0
        cbz x2, fail
        isb
        mrs x2, cntvct_el0
3:      isb
        mrs x3, cntvct_el0
        cmp x2, x3
        b.eq 3b
        ldr x0, =0x84000008     // PSCI SYSTEM_OFF
        hvc #0
fail:   wfi
        b fail

.balign 2048
vectors:
        .skip 0x200             // current level with its own stack: synchronous
        add x20, x20, #1
        eret
.ltorg
