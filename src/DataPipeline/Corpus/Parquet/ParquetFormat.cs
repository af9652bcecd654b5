namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>Enumerations of parquet.thrift (https://github.com/apache/parquet-format) that are used here.</summary>
internal static class ParquetFormat
{
    public const int TypeByteArray = 6;
    public const int RepetitionOptional = 1;
    public const int ConvertedUtf8 = 0;
    public const int EncodingPlain = 0, EncodingRle = 3;
    public const int CodecUncompressed = 0;
    public const int PageTypeData = 0;
}
