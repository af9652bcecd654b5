using System.Diagnostics;
using ClipTrain.Tests.Shared;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.PyTorch;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.Tests;

public sealed class TorchFileTests : IDisposable
{
    private const string Python = "/usr/bin/python3";
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Tensors_of_every_type_and_stride_are_read_from_a_state_dict()
    {
        using var weights = WeightsFile.Open(TorchFixture.Path("state.pt"));
        CheckState(weights);
    }

    [Fact]
    public void Only_the_models_tensors_are_read_from_a_training_checkpoint()
    {
        using var weights = WeightsFile.Open(TorchFixture.Path("checkpoint.pt"));
        using var ours = WeightNames.Ours(weights);
        Assert.Equal("bias weight", string.Join(' ', ours.Shapes.Keys.Order(StringComparer.Ordinal)));
        Assert.Equal([2L, 3L], ours.Shapes["weight"]);
        Assert.Equal(TorchFixture.Numbers(6), WeightFiles.Read(ours, "weight"));
        Assert.Equal(TorchFixture.Numbers(2), WeightFiles.Read(ours, "bias"));
    }

    [Fact]
    public void The_tensors_of_a_TorchScript_archive_are_read_and_OpenAIs_are_recognised_by_their_names()
    {
        using var weights = WeightsFile.Open(TorchFixture.Path("script.pt"));
        Assert.True(Assert.IsType<TorchFile>(weights).IsScript);
        Assert.Equal(NameConvention.OpenAi, WeightNames.ConventionOf(weights.Shapes.Keys));
        using var ours = WeightNames.Ours(weights);
        Assert.Equal("inner.mean inner.weight logit_scale", string.Join(' ', ours.Shapes.Keys.Order(StringComparer.Ordinal)));
        Assert.Equal(TorchFixture.Numbers(12), WeightFiles.Read(ours, "inner.weight"));
        Assert.Equal([2.5f], WeightFiles.Read(ours, "logit_scale"));
    }

    [Theory]
    [InlineData("code.pt", "system")]
    [InlineData("module.pt", "torch.nn.modules.linear.Linear")]
    public void Code_is_rejected_by_name_and_never_run(string file, string name)
    {
        var error = Assert.Throws<WeightsException>(() => WeightsFile.Open(TorchFixture.Path(file)));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("state_dict", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists("code-has-run"));
    }

    [Fact]
    public void The_format_before_PyTorch_1_6_is_rejected_with_instructions_for_converting_it() =>
        Assert.Contains(
            "torch.save(torch.load",
            Assert.Throws<WeightsException>(() => WeightsFile.Open(TorchFixture.Path("legacy.pt"))).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void The_installed_PyTorch_writes_the_recorded_files()
    {
        if (!RunPython(["-c", "import torch"], out _))
        {
            return;
        }

        Assert.True(RunPython([Path.Combine(AppContext.BaseDirectory, "Peers", "torch_files.py"), _folder.Path], out var errors), errors);
        using var weights = WeightsFile.Open(_folder.File("state.pt"));
        CheckState(weights);
    }

    [Fact]
    public void A_compressed_or_truncated_part_is_rejected()
    {
        File.Copy(TorchFixture.Path("state.pt"), _folder.File("cut.pt"));
        var bytes = File.ReadAllBytes(_folder.File("cut.pt"));
        File.WriteAllBytes(_folder.File("cut.pt"), bytes[..^40]);
        Assert.Contains(
            "cut.pt",
            Assert.Throws<WeightsException>(() => WeightsFile.Open(_folder.File("cut.pt"))).Message,
            StringComparison.Ordinal
        );

        using (var archive = System.IO.Compression.ZipFile.Open(_folder.File("deflated.pt"), System.IO.Compression.ZipArchiveMode.Create))
        using (var entry = archive.CreateEntry("archive/data.pkl", System.IO.Compression.CompressionLevel.Optimal).Open())
        {
            entry.Write(new byte[1000]);
        }

        Assert.Contains(
            "compressed",
            Assert.Throws<WeightsException>(() => WeightsFile.Open(_folder.File("deflated.pt"))).Message,
            StringComparison.Ordinal
        );
    }

    public void Dispose() => _folder.Dispose();

    private static void CheckState(IWeights weights)
    {
        float[] Read(string name) => WeightFiles.Read(weights, name);
        Assert.Equal([3L, 4L], weights.Shapes["single"]);
        Assert.Equal(TorchFixture.Numbers(12), Read("single"));
        foreach (var name in new[] { "half", "brain", "double" })
        {
            Assert.Equal(TorchFixture.Numbers(5), Read(name));
        }

        Assert.Equal([3L, 4L], weights.Shapes["transposed"]);
        Assert.Equal(Enumerable.Range(0, 12).Select(i => TorchFixture.Number((i % 4 * 3) + (i / 4))), Read("transposed"));
        Assert.Equal(TorchFixture.Numbers(8)[2..], Read("view"));
        Assert.Equal(Enumerable.Range(0, 7).Select(i => TorchFixture.Number(3 * i)), Read("strided"));
        Assert.Equal(TorchFixture.Numbers(4), Read("parameter"));
        Assert.Empty(weights.Shapes["scalar"]);
        Assert.Equal([2.5f], Read("scalar"));
        Assert.Empty(Read("empty"));
        Assert.Contains("steps", Assert.Throws<WeightsException>(() => Read("steps")).Message, StringComparison.Ordinal);
    }

    private static bool RunPython(string[] arguments, out string errors)
    {
        errors = "";
        if (!File.Exists(Python))
        {
            return false;
        }

        using var process = Process.Start(
            new ProcessStartInfo(Python, arguments) { RedirectStandardError = true, UseShellExecute = false }
        )!;
        errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
