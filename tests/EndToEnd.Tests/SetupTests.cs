using System.Diagnostics;
using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>scripts/setup on machines that lack what it looks for.</summary>
public sealed class SetupTests : IDisposable
{
    /// <summary>The programs of every machine that can run the script.</summary>
    private static readonly string[] s_usual = ["bash", "cat", "dirname", "flock", "grep", "id", "ln", "mkdir", "mv", "rm", "sed", "tail"];

    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-setup-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_machine_without_packages_compiler_and_npm_is_told_what_it_goes_without()
    {
        foreach (var path in new[] { "scripts/setup", "scripts/unpack", "scripts/environment", "src/Torch/native/gloo.cpp" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Place(path))!);
            File.Copy(Path.Combine(Repository.Root, path), Place(path));
        }

        Directory.CreateDirectory(Place("bin"));
        foreach (var program in s_usual)
        {
            File.CreateSymbolicLink(Place($"bin/{program}"), Find(program));
        }

        using var setup = Process.Start(
            new ProcessStartInfo(Place("bin/bash"), [Place("scripts/setup")])
            {
                RedirectStandardError = true,
                UseShellExecute = false,
                Environment = { ["PATH"] = Place("bin"), ["HOME"] = Place("home") },
            }
        )!;
        var said = setup.StandardError.ReadToEnd();
        setup.WaitForExit();

        Assert.True(setup.ExitCode == 0, said);
        Assert.Contains("without libturbojpeg0 JPEGs are decoded by SkiaSharp", said, StringComparison.Ordinal);
        Assert.Contains("without npm quickstart and data demo cannot fetch", said, StringComparison.Ordinal);
        Assert.Contains("without g++ libgloo-dev a run has one worker (--set cluster.workers=1)", said, StringComparison.Ordinal);
    }

    private string Place(string path) => Path.Combine(_folder, path);

    private static string Find(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, program)).First(File.Exists);
}
