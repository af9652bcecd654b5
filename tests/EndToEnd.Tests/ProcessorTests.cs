namespace ClipTrain.EndToEnd.Tests;

/// <summary>Processors with fewer vector instructions than this one, in processes whose .NET or libtorch may not use them.</summary>
public sealed class ProcessorTests : IDisposable
{
    private const string NoAvx512 = "DOTNET_EnableAVX512=0";
    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void Without_AVX512_training_gives_the_same_bits_in_our_kernels_and_the_same_losses_within_rounding_in_libtorchs()
    {
        var usual = Train("usual");
        Assert.Equal(usual, Train("kernels", NoAvx512));
        Assert.Equal(_corpus.Model("usual", 12), _corpus.Model("kernels", 12));
        Assert.Equal(_corpus.Optimizer("usual", 12), _corpus.Optimizer("kernels", 12));

        var all = Train("all", NoAvx512, "ATEN_CPU_CAPABILITY=avx2", "ONEDNN_MAX_CPU_ISA=AVX2", "CLIPTRAIN_MKL=plain");
        Assert.Equal(usual.Length, all.Length);
        Assert.All(usual.Zip(all), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
    }

    [Fact]
    public void Doctor_tells_the_vector_instructions()
    {
        using var doctor = ProgramRun.StartBy(["env", NoAvx512], _corpus.Folder, "doctor");
        doctor.AssertExit(0);
        Assert.Matches("ok +machine .*, AVX2\n", doctor.Output);
        Assert.Matches("ok +finalizers +patched to release", doctor.Output);
    }

    [Fact]
    public void Doctor_names_a_processor_without_AVX2_once()
    {
        using var doctor = ProgramRun.StartBy(["env", "DOTNET_EnableAVX2=0"], _corpus.Folder, "doctor");
        doctor.AssertExit(3);
        Assert.Single(doctor.Output.Split('\n'), line => line.StartsWith("WRONG", StringComparison.Ordinal));
        Assert.Contains("WRONG libtorch         This processor has no AVX2", doctor.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("LoadNativeBackend", doctor.Output, StringComparison.Ordinal);
    }

    /// <summary>The losses of a short run whose kernels round weights and moments stochastically.</summary>
    private double[] Train(string name, params string[] environment)
    {
        using var run = ProgramRun.StartBy(
            ["env", .. environment],
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            $"name={name}",
            "--set",
            "training.moments=bf16",
            "--set",
            "training.text_weights=bf16",
            "--set",
            "cluster.workers=1",
            "--set",
            "evaluation={}"
        );
        run.AssertExit(0);
        return _corpus.Losses(name);
    }
}
