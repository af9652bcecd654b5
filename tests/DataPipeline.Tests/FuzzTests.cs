using ClipTrain.Fuzz;

namespace ClipTrain.DataPipeline.Tests;

public sealed class FuzzTests
{
    [Fact]
    public void Damaged_images_and_Parquet_files_are_refused_with_a_reason_and_nothing_crashes_hangs_or_leaks()
    {
        var report = FuzzRun.Run(mutations: 300, seed: 7, jobs: 1);
        Assert.Empty(report.Violations);
        Assert.Equal(300, report.Mutated);
        Assert.InRange(report.Accepted, 10, 200);
        Assert.InRange(report.PeakMemory, 1 << 20, 2L << 30);
        Assert.All(report.Reasons.Keys, Assert.NotEmpty);
    }
}
