using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class ReadableTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.00048, "4.8e-4")]
    [InlineData(0.001, "0.001")]
    [InlineData(0.42341, "0.4234")]
    [InlineData(-2.5, "-2.5")]
    [InlineData(14.2857, "14.29")]
    [InlineData(312.44, "312.4")]
    [InlineData(1234.5, "1,234")]
    [InlineData(12_345_678, "12,345,678")]
    [InlineData(1.28e10, "1.28e10")]
    [InlineData(double.NaN, "NaN")]
    public void Numbers_have_about_four_digits(double value, string text) => Assert.Equal(text, Readable.Number(value));

    [Theory]
    [InlineData(0, "0:00")]
    [InlineData(59.9, "0:59")]
    [InlineData(184, "3:04")]
    [InlineData(7384, "2:03:04")]
    [InlineData(86_400 + 7380, "1 d 02:03")]
    public void Durations_have_two_or_three_units(double seconds, string text) =>
        Assert.Equal(text, Readable.Duration(TimeSpan.FromSeconds(seconds)));
}
