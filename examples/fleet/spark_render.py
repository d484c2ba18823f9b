"""A bulk render with Spark: each of its Python workers has a host of its own, and keeps it from task to task."""

import os
import sys
from pathlib import Path

from catalogue import ROWS, tell
from pyspark.sql import SparkSession

from js_host import JSHost

render = JSHost(Path(__file__).with_name("host.config.js"), owned=True).function("render")

if __name__ == "__main__":
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the Python that has js_host, also for its workers
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    tell(spark.sparkContext.parallelize(ROWS, 20).mapPartitions(render.map).collect())
    spark.stop()
