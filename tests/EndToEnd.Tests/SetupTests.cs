using System.Diagnostics;
using ClipTrain.Tests.Shared;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>scripts/setup on machines that lack what it looks for.</summary>
public sealed class SetupTests : IDisposable
{
    /// <summary>The programs of every machine that can run the script.</summary>
    private static readonly string[] s_usual = ["bash", "cat", "dirname", "flock", "grep", "id", "ln", "mkdir", "mv", "rm", "sed", "tail"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_machine_without_packages_compiler_and_npm_is_told_what_it_goes_without()
    {
        foreach (var path in new[] { "scripts/setup", "scripts/unpack", "scripts/environment", "src/Torch/native/gloo.cpp" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(path))!);
            File.Copy(Path.Combine(Repository.Root, path), _folder.File(path));
        }

        Directory.CreateDirectory(_folder.File("bin"));
        foreach (var program in s_usual)
        {
            File.CreateSymbolicLink(_folder.File($"bin/{program}"), Find(program));
        }

        using var setup = Process.Start(
            new ProcessStartInfo(_folder.File("bin/bash"), [_folder.File("scripts/setup")])
            {
                RedirectStandardError = true,
                UseShellExecute = false,
                Environment = { ["PATH"] = _folder.File("bin"), ["HOME"] = _folder.File("home") },
            }
        )!;
        var said = setup.StandardError.ReadToEnd();
        setup.WaitForExit();

        Assert.True(setup.ExitCode == 0, said);
        Assert.Contains("without libturbojpeg0 JPEGs are decoded by SkiaSharp", said, StringComparison.Ordinal);
        Assert.Contains("without npm quickstart and data demo cannot fetch", said, StringComparison.Ordinal);
        Assert.Contains("without g++ libgloo-dev a run has one worker (--set cluster.workers=1)", said, StringComparison.Ordinal);
    }

    private static string Find(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, program)).First(File.Exists);
}
