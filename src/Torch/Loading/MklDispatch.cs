using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace ClipTrain.Torch.Loading;

/// <summary>Code path that MKL takes.</summary>
public enum MklPath
{
    /// <summary>An Intel processor, on which MKL chooses the fastest path.</summary>
    Native,

    /// <summary>Another vendor's processor, on which MKL was made to choose by instruction set.</summary>
    Switched,

    /// <summary>Another vendor's processor, on which MKL does not use all instructions.</summary>
    Reduced,
}

/// <summary>
/// Lets MKL use AVX-512 on processors of other vendors. Two functions of MKL return whether the processor is Intel's; if not, MKL does
/// not use AVX-512, which halves the speed of fp32 products on AMD's EPYC. Both are patched in this process's memory to return true; MKL
/// still detects the instruction set itself. CLIPTRAIN_MKL=plain in the environment leaves MKL unchanged.
/// </summary>
internal static class MklDispatch
{
    private static readonly string[] s_questions = ["mkl_serv_intel_cpu", "mkl_serv_intel_cpu_true"];

    // mov eax, 1; ret
    private static ReadOnlySpan<byte> Yes => [0xB8, 1, 0, 0, 0, 0xC3];

    public static MklPath Apply(nint library)
    {
        if (IsIntel())
        {
            return MklPath.Native;
        }

        if (string.Equals(Environment.GetEnvironmentVariable("CLIPTRAIN_MKL"), "plain", StringComparison.Ordinal))
        {
            return MklPath.Reduced;
        }

        foreach (var question in s_questions)
        {
            if (!NativeLibrary.TryGetExport(library, question, out var function) || !CodePatch.Overwrite(function, Yes))
            {
                return MklPath.Reduced;
            }
        }

        return MklPath.Switched;
    }

    /// <summary>The vendor name, GenuineIntel, is in the registers EBX, EDX and ECX of CPUID leaf 0.</summary>
    private static bool IsIntel()
    {
        var (_, b, c, d) = X86Base.CpuId(0, 0);
        return (b, d, c) == (0x756E6547, 0x49656E69, 0x6C65746E);
    }
}
