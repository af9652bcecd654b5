using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.Torch.Loading;

/// <summary>Which of its code paths MKL takes.</summary>
public enum MklPath
{
    /// <summary>The processor is Intel's: MKL takes the fastest by itself.</summary>
    Native,

    /// <summary>The processor is another maker's, and MKL was told to go by its instructions alone.</summary>
    Switched,

    /// <summary>The processor is another maker's, and MKL does not use all its instructions.</summary>
    Reduced,
}

/// <summary>
/// MKL asks two of its functions whether the processor is Intel's and leaves AVX-512 unused where they say no: on AMD's EPYC
/// that halves fp32 products. Both are made to say yes in this process' memory; what the instructions are MKL finds out itself.
/// The environment variable CLIPTRAIN_MKL=plain leaves MKL alone.
/// </summary>
internal static class MklDispatch
{
    private static readonly string[] s_questions = ["mkl_serv_intel_cpu", "mkl_serv_intel_cpu_true"];

    // mov eax, 1; ret
    private static ReadOnlySpan<byte> Yes => [0xB8, 1, 0, 0, 0, 0xC3];

    public static MklPath Apply(nint library)
    {
        if (IsIntel())
            return MklPath.Native;
        if (string.Equals(Environment.GetEnvironmentVariable("CLIPTRAIN_MKL"), "plain", StringComparison.Ordinal))
            return MklPath.Reduced;
        foreach (var question in s_questions)
        {
            if (!NativeLibrary.TryGetExport(library, question, out var function) || !CodePatch.Overwrite(function, Yes))
                return MklPath.Reduced;
        }

        return MklPath.Switched;
    }

    /// <summary>The maker's name, GenuineIntel, is in the registers EBX, EDX and ECX of the first leaf.</summary>
    private static bool IsIntel()
    {
        var (_, b, c, d) = X86Base.CpuId(0, 0);
        return (b, d, c) == (0x756E6547, 0x49656E69, 0x6C65746E);
    }
}
