# The guest that tells whether KVM runs guests: what a kernel does in its first milliseconds, and no
# more. It enters by PVH in 32-bit protected mode, builds page tables, enters long mode, asks CPUID,
# takes an exception, sleeps for timer interrupts, touches fresh memory, and ends the monitor by the
# isa-debug-exit port with the status that only a complete run has.
#
# probe_image.ts holds the bytes. After a change:
#   as --64 probe.S -o probe.o && ld -n -Ttext 0x100000 -e entry --build-id=none -z noexecstack \
#     probe.o -o probe.elf && strip probe.elf && gzip -9nc probe.elf | base64

.set DONE, 0x2a                 # QEMU exits with (DONE << 1) | 1
.set TABLES, 0x200000           # PML4, PDPT, four page directories
.set STACK, 0x300000
.set APIC, 0xfee00000

.section .note.Xen, "a", @note
        .long 4, 4, 18          # XEN_ELFNOTE_PHYS32_ENTRY
        .asciz "Xen"
        .long entry

.text
.code32
.globl entry
entry:  cli
        cld
        mov $STACK, %esp
        # Identity map of 4 GiB in 2 MiB pages.
        mov $TABLES, %edi
        xor %eax, %eax
        mov $(6 * 1024), %ecx
        rep stosl
        movl $(TABLES + 0x1003), TABLES
        mov $(TABLES + 0x2003), %eax
        mov $(TABLES + 0x1000), %edi
        mov $4, %ecx
1:      mov %eax, (%edi)
        add $0x1000, %eax
        add $8, %edi
        loop 1b
        mov $0x83, %eax
        mov $(TABLES + 0x2000), %edi
        mov $2048, %ecx
2:      mov %eax, (%edi)
        add $0x200000, %eax
        add $8, %edi
        loop 2b
        # Long mode.
        mov %cr4, %eax
        or $0x6a0, %eax         # PAE, PGE, OSFXSR, OSXMMEXCPT
        mov %eax, %cr4
        mov $TABLES, %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx
        rdmsr
        or $0x901, %eax         # SCE, LME, NXE
        wrmsr
        mov $0x80010033, %eax   # PG, WP, NE, ET, MP, PE
        mov %eax, %cr0
        lgdt gdtr
        ljmp $8, $long
.code64
long:   mov $16, %eax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        # An IDT of 256 gates, all to "other", but for #BP, #UD and the timer.
        lea other(%rip), %rax
        mov $256, %ecx
        lea idt(%rip), %rdi
3:      call gate
        loop 3b
        lea trap(%rip), %rax
        lea idt + 3 * 16(%rip), %rdi
        call gate
        lea undefined(%rip), %rax
        lea idt + 6 * 16(%rip), %rdi
        call gate
        lea tick(%rip), %rax
        lea idt + 64 * 16(%rip), %rdi
        call gate
        lidt idtr(%rip)
        xor %r14d, %r14d        # exceptions taken
        xor %r15d, %r15d        # timer interrupts taken
        int3
        ud2
        cmp $2, %r14d
        jne fail
        # CPUID, basic and extended leaves; the intercept that every kernel meets first.
        xor %r12d, %r12d
4:      mov %r12d, %eax
        xor %ecx, %ecx
        cpuid
        lea 0x80000000(%r12), %eax
        xor %ecx, %ecx
        cpuid
        inc %r12d
        cmp $0x20, %r12d
        jne 4b
        # MSRs that a kernel writes early: LSTAR, FS base, PAT.
        lea other(%rip), %rax
        xor %edx, %edx
        mov $0xc0000082, %ecx
        wrmsr
        mov $0xc0000100, %ecx
        wrmsr
        mov $0x277, %ecx
        rdmsr
        wrmsr
        rdtsc
        # Fresh memory, far and near: 512 pages, then a change of page tables under our feet.
        mov $0x400000, %edi
        mov $512, %ecx
5:      mov %rdi, (%rdi)
        add $0x5000, %edi
        loop 5b
        movl $0x400083, TABLES + 0x2000 + 24   # 6 MiB becomes 4 MiB
        invlpg 0x600000
        mov 0x600000, %eax
        cmp $0x400000, %eax
        jne fail
        mov %cr3, %rax
        mov %rax, %cr3
        # Three timer interrupts, each out of HLT.
        mov $0x1b, %ecx
        rdmsr
        or $0x800, %eax
        wrmsr
        mov $APIC, %ebx
        movl $0x1ff, 0xf0(%rbx)         # enable, spurious vector 255
        movl $0xb, 0x3e0(%rbx)          # divide by 1
        movl $64, 0x320(%rbx)           # one shot, vector 64
6:      movl $100000, 0x380(%rbx)
        mov %r15d, %r13d
        sti
        hlt
        cli
        cmp %r13d, %r15d
        je fail
        cmp $3, %r15d
        jne 6b
        mov $DONE, %eax
        out %eax, $0xf4
fail:   xor %eax, %eax
        out %eax, $0xf4
7:      hlt
        jmp 7b

gate:   mov %ax, (%rdi)                 # handler in %rax, entry at %rdi, which moves on
        movw $8, 2(%rdi)
        movw $0x8e00, 4(%rdi)
        mov %rax, %rdx
        shr $16, %rdx
        mov %dx, 6(%rdi)
        movq $0, 8(%rdi)
        add $16, %rdi
        ret

trap:   inc %r14d
        iretq
undefined:
        inc %r14d
        addq $2, (%rsp)
        iretq
tick:   inc %r15d
        movl $0, 0xb0(%rbx)             # end of interrupt; only the HLT loop enables them
        iretq
other:  jmp fail

.balign 8
gdt:    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:   .word 23
        .long gdt
idtr:   .word 256 * 16 - 1
        .quad idt
.bss
.balign 16
idt:    .skip 256 * 16
